import { sendRedis, waitFor } from '@headgate/testkit';
import { Agent, request as send } from 'undici';
import type { LimitFinding } from './limit-fault.ts';
import { waitForRevision } from '../../cluster/cluster.ts';
import type { LimitRig } from './limit-rig.ts';

/** Windows in ms of each tenant; the last one is the longest. */
const WINDOWS_MS = [20_000, 25_000, 30_000] as const;
const LONGEST_MS = WINDOWS_MS[2];
/** Requests of each tenant. */
const REQUESTS = 2;
const PARALLEL = 48;
const BYTES_MAX = 1024;
/** Of clients that come once: all their keys are there when the last one has come. */
const CROWD_WINDOW_MS = 60_000;

/** What Redis holds for each of many active tenants, and whether it is gone when its time is over. */
export async function redisMemory(rig: LimitRig, tenants: number): Promise<LimitFinding> {
  const { redis, api } = rig.cluster;
  await waitForRevision(rig.cluster, await api.apply(bundle(tenants)), 60_000);
  const keysBefore = await keyCount(redis);
  const bytesBefore = await usedBytes(redis);
  const odd = await sendEach(rig, tenants * REQUESTS, (index) => ({
    host: `active-${index % tenants}.test`,
  }));
  const keys = (await keyCount(redis)) - keysBefore;
  const bytes = ((await usedBytes(redis)) - bytesBefore) / tenants;
  const gone = await untilGone(redis, keysBefore, LONGEST_MS);
  const figure = `${keys} keys of ${tenants} tenants, ${bytes.toFixed(0)} bytes for each; ${gone.told}; ${odd} odd answers`;
  const ok =
    gone.ok && keys >= tenants * WINDOWS_MS.length * 0.99 && bytes <= BYTES_MAX && odd === 0;
  return { figure, ok };
}

/** What becomes of the keys of clients that come once each, from ever new addresses. */
export async function randomKeys(rig: LimitRig, addresses: number): Promise<LimitFinding> {
  const { redis, api } = rig.cluster;
  await waitForRevision(rig.cluster, await api.apply(CROWD), 60_000);
  const keysBefore = await keyCount(redis);
  const bytesBefore = await usedBytes(redis);
  const odd = await sendEach(rig, addresses, (index) => ({
    ...{ host: 'crowd.test', 'x-forwarded-for': addressOf(index) },
  }));
  const keyspace = String(await sendRedis(redis, ['INFO', 'keyspace']));
  const [, all = 0, expiring = 0] = (/db0:keys=(\d+),expires=(\d+)/.exec(keyspace) ?? []).map(
    Number,
  );
  const keys = all - keysBefore;
  const bytes = ((await usedBytes(redis)) - bytesBefore) / Math.max(1, keys);
  const gone = await untilGone(redis, keysBefore, CROWD_WINDOW_MS);
  const figure =
    `${keys} keys at once, ${bytes.toFixed(0)} bytes each, ${all - expiring} without a TTL; ` +
    `${gone.told}; ${odd} odd answers`;
  return { figure, ok: gone.ok && keys > 0 && all === expiring && odd === 0 };
}

/** Sends so many requests to the edges in turn; answers how many got an answer that is none of a limit or its lack. */
async function sendEach(
  { cluster: { edges } }: LimitRig,
  count: number,
  headersOf: (index: number) => Record<string, string>,
): Promise<number> {
  const agent = new Agent({ connections: PARALLEL });
  let next = 0;
  let odd = 0;
  const work = async (): Promise<void> => {
    while (next < count) {
      const index = next;
      next += 1;
      const edge = edges[index % edges.length];
      const response = await send(`http://127.0.0.1:${edge?.port ?? 0}/`, {
        dispatcher: agent,
        headers: headersOf(index),
      });
      await response.body.dump();
      // There is no endpoint: an admitted request gets 503, and has been counted all the same.
      if (response.statusCode !== 502 && response.statusCode !== 503) odd += 1;
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  await agent.close();
  return odd;
}

/** Waits until Redis holds no more keys than before, at most twice the window. */
async function untilGone(
  redis: { readonly port: number },
  keysBefore: number,
  windowMs: number,
): Promise<{ readonly ok: boolean; readonly told: string }> {
  const sentMs = performance.now();
  const ok = await waitFor(async () => (await keyCount(redis)) <= keysBefore, {
    message: 'all keys to be gone',
    deadlineMs: 2 * windowMs,
    intervalMs: 250,
  }).catch(() => false);
  const goneMs = performance.now() - sentMs;
  const left = ok ? 'all gone' : `${await keyCount(redis)} left`;
  return { ok, told: `${left} after ${(goneMs / 1000).toFixed(1)} s` };
}

/** All different, in no order: the factor is odd. */
function addressOf(index: number): string {
  const bits = Math.imul(index + 1, 0x9e3779b1) >>> 0;
  return [bits >>> 24, (bits >>> 16) & 255, (bits >>> 8) & 255, bits & 255].join('.');
}

const CROWD = {
  apiVersion: 'headgate/v1',
  plans: { crowd: {} },
  tenants: {
    crowd: {
      planId: 'crowd',
      identity: { hosts: ['crowd.test'] },
      limits: [{ name: 'ip', limit: 5, windowMs: CROWD_WINDOW_MS, per: 'client-ip' }],
      upstreams: { main: { endpoints: [{ host: '127.0.0.1', port: 1 }] } },
      routes: { all: { upstreamId: 'main' } },
    },
  },
};

function bundle(count: number): object {
  const limits = WINDOWS_MS.map((windowMs) => ({ name: `w${windowMs}`, limit: 1000, windowMs }));
  const tenants = Array.from({ length: count }, (_, index) => [
    `active-${index}`,
    {
      planId: 'active',
      identity: { hosts: [`active-${index}.test`] },
      upstreams: { main: { endpoints: [{ host: '127.0.0.1', port: 1 }] } },
      routes: { all: { upstreamId: 'main' } },
    },
  ]);
  return {
    apiVersion: 'headgate/v1',
    plans: { active: { limits } },
    tenants: Object.fromEntries(tenants) as object,
  };
}

async function keyCount(redis: { readonly port: number }): Promise<number> {
  return Number(await sendRedis(redis, ['DBSIZE']));
}

async function usedBytes(redis: { readonly port: number }): Promise<number> {
  const info = String(await sendRedis(redis, ['INFO', 'memory']));
  return Number(/used_memory:(\d+)/.exec(info)?.[1] ?? 0);
}
