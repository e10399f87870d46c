import { sendRedis } from '@headgate/testkit';
import { Agent, request as send } from 'undici';
import type { LimitFault, LimitFinding } from './limit-fault.ts';
import { LIMIT, type FaultRun, type LimitRig } from './limit-rig.ts';

/** Scripts that an edge may have to load: to take, to replay and to renew slots. */
const SCRIPTS = 3;

/** R9: requests, how many connections to each edge they share, and what `once.test` admits. */
const AT_ONCE = 10_000;
const CONNECTIONS = 128;
const ONCE_LIMIT = 1000;

/** Everything that holds for a Redis that is away, but for the latency, which each fault names. */
function awayFinding(run: FaultRun, addedMsMax: number): LimitFinding {
  const addedMs = run.faultP99Ms - run.calmP99Ms;
  const ok =
    run.odd === 0 &&
    run.openedMs !== null &&
    run.openedMs <= 500 &&
    addedMs <= addedMsMax &&
    run.busiest < 2 * LIMIT &&
    run.busiestInFault <= LIMIT &&
    run.admittedInFault > 0 &&
    run.busiestAfter <= LIMIT;
  const figure =
    `${run.told}; noticed by all after ${run.openedMs ?? 'never'} ms; p99 ${run.calmP99Ms.toFixed(1)} → ` +
    `${run.faultP99Ms.toFixed(1)} ms; busiest second ${run.busiest}, without Redis ${run.busiestInFault}, afterwards ` +
    `${run.busiestAfter} of ${LIMIT}; exact after ${run.exactMs.toFixed(0)} ms`;
  return { figure, ok };
}

/** R1. */
export const redisKilled: LimitFault = {
  id: 'R1',
  fault: 'kill -9 of Redis, later restarted empty',
  bound: `0 failed; noticed ≤ 500 ms; p99 + 5 ms; < 2 × the limit in the second of the loss, then ≤ the limit`,
  async run(rig) {
    const { redis } = rig.cluster;
    return awayFinding(
      await rig.underFault({ begin: () => redis.kill(), end: () => redis.restart() }),
      5,
    );
  },
};

/** R2. */
export const redisStopped: LimitFault = {
  id: 'R2',
  fault: 'SIGSTOP of Redis, later SIGCONT',
  bound:
    '0 failed; noticed ≤ 500 ms; p99 + 25 ms; < 2 × the limit in the second of the loss, then ≤ the limit',
  async run(rig) {
    const { redis } = rig.cluster;
    const acts = { begin: async () => redis.pause(), end: async () => redis.resume() };
    return awayFinding(await rig.underFault(acts), 25);
  },
};

/** R4. */
export const redisFlushed: LimitFault = {
  id: 'R4',
  fault: 'FLUSHALL and SCRIPT FLUSH',
  bound: `0 failed; ≤ ${SCRIPTS} loads of a script for each edge; < 2 × the limit in that second, then ≤ the limit`,
  async run(rig) {
    const { redis, edges } = rig.cluster;
    const run = await rig.underFault({
      async begin() {
        await sendRedis(redis, ['CONFIG', 'RESETSTAT']);
        await sendRedis(redis, ['SCRIPT', 'FLUSH']);
        await sendRedis(redis, ['FLUSHALL']);
      },
    });
    const stats = String(await sendRedis(redis, ['INFO', 'commandstats']));
    const loads = Number(/cmdstat_script\|load:calls=(\d+)/.exec(stats)?.[1] ?? 0);
    const ok =
      run.odd === 0 &&
      loads > 0 &&
      loads <= SCRIPTS * edges.length &&
      run.busiest < 2 * LIMIT &&
      run.busiestAfter <= LIMIT;
    const figure = `${run.told}; ${loads} loads by ${edges.length} edges; busiest second ${run.busiest}, afterwards ${run.busiestAfter} of ${LIMIT}`;
    return { figure, ok };
  },
};

/** Makes a list of a key, at once: an edge would write the key again between two commands. */
const LIST = "redis.call('DEL', KEYS[1]) return redis.call('LPUSH', KEYS[1], 'x')";

/** R5. */
export const keysSpoilt: LimitFault = {
  id: 'R5',
  fault: 'keys of limits hold a list, or garbage',
  bound: '0 failed, no edge ends; < 2 × the limit in that second, then ≤ the limit',
  async run(rig) {
    const { redis, edges } = rig.cluster;
    const pids = edges.map(({ component }) => component.process.pid);
    let spoilt = 0;
    const run = await rig.underFault({
      async begin() {
        const keys = await sendRedis(redis, ['KEYS', 'hg:{t:*']);
        for (const key of Array.isArray(keys) ? keys.map(String) : []) {
          spoilt += 1;
          const spoil =
            spoilt % 2 === 0 ? ['SET', key, 'garbage', 'PX', 60_000] : ['EVAL', LIST, 1, key];
          await sendRedis(redis, spoil);
        }
      },
    });
    const alive = edges.every(
      ({ component }, index) => component.running && component.process.pid === pids[index],
    );
    const ok =
      run.odd === 0 && alive && spoilt > 0 && run.busiest < 2 * LIMIT && run.busiestAfter <= LIMIT;
    const figure = `${run.told}; ${spoilt} keys; ${alive ? 'no edge ended' : 'an edge ended'}; busiest second ${run.busiest}, afterwards ${run.busiestAfter} of ${LIMIT}`;
    return { figure, ok };
  },
};

/** R9. */
export const manyAtOnce: LimitFault = {
  id: 'R9',
  fault: `${AT_ONCE} requests, ${CONNECTIONS} at a time to each of three edges, to one limit of ${ONCE_LIMIT}`,
  bound: `admitted ${ONCE_LIMIT} to ${ONCE_LIMIT * 1.01}`,
  async run(rig) {
    const agent = new Agent({ connections: CONNECTIONS });
    const statuses = await Promise.all(
      Array.from({ length: AT_ONCE }, (_, index) => statusOf(rig, index, agent)),
    );
    await agent.close();
    const admitted = statuses.filter((status) => status === 200).length;
    const denied = statuses.filter((status) => status === 429).length;
    const ok =
      admitted >= ONCE_LIMIT && admitted <= ONCE_LIMIT * 1.01 && admitted + denied === AT_ONCE;
    return { figure: `${admitted} admitted, ${denied} got 429`, ok };
  },
};

async function statusOf(rig: LimitRig, index: number, dispatcher: Agent): Promise<number> {
  const edge = rig.cluster.edges[index % rig.cluster.edges.length];
  const response = await send(`http://127.0.0.1:${edge?.port ?? 0}/`, {
    dispatcher,
    headers: { host: 'once.test' },
  });
  await response.body.dump();
  return response.statusCode;
}
