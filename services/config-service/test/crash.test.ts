import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectBus, createConfigFeed } from '@headgate/bus';
import { systemClock, systemRandom } from '@headgate/runtime';
import { startNats, startPostgres, temporaryDirectory, waitFor } from '@headgate/testkit';
import type { ApiReply } from './support/api.ts';
import { startService, type TestService } from './support/service.ts';

/** What an edge would hold: name and revision of each tenant. */
interface Held {
  readonly names: Map<string, string>;
  readonly revisions: Map<string, number[]>;
  close(): Promise<void>;
}

function followTenants(url: string): Held {
  const deps = { clock: systemClock, random: systemRandom };
  const bus = connectBus(deps, { servers: [url], name: 'test' });
  const names = new Map<string, string>();
  const revisions = new Map<string, number[]>();
  const feed = createConfigFeed(bus, deps, {
    onDocument({ key, header, body }) {
      if (header.kind !== 'tenant') return;
      const document = JSON.parse(Buffer.from(body).toString()) as { tenant: { name?: string } };
      names.set(key, document.tenant.name ?? '');
      revisions.set(key, [...(revisions.get(key) ?? []), header.revision]);
    },
    onRemoved: (key) => void names.delete(key),
  });
  return {
    names,
    revisions,
    async close() {
      await feed.close();
      await bus.close();
    },
  };
}

/** Each write has a key of its own. */
function writeName(service: TestService, id: string, name: number): Promise<ApiReply> {
  const headers = { 'idempotency-key': `${id}-${name}` };
  const body = { planId: 'base', name: String(name) };
  return service.send('PUT', `/v1/tenants/${id}`, body, headers);
}

/** Repeats the write that was under way when the service died: it is made now, or was made once. */
async function repeatWrite(service: TestService, id: string, name: number): Promise<void> {
  const { body: before } = await service.send('GET', `/v1/tenants/${id}`);
  const reply = await waitFor(
    async () => {
      const { status, body, headers } = await writeName(service, id, name);
      return status === 409 ? null : { status, body, replayed: headers.get('headgate-replayed') };
    },
    { message: `write ${name} of ${id} to be repeated` },
  );
  assert.ok(reply.status < 300, JSON.stringify(reply));
  const wasMade = before['name'] === String(name);
  assert.equal(reply.replayed, wasMade ? 'true' : null);
  if (wasMade) assert.deepEqual(reply.body, before);
}

/** Writes rising names until the service dies; returns the last one that was acknowledged. */
async function writeUntilDeath(service: TestService, id: string, from: number): Promise<number> {
  let acknowledged = from;
  for (let name = from + 1; service.process.exit() === null; name++) {
    try {
      const reply = await writeName(service, id, name);
      assert.ok(reply.status < 300, `status ${reply.status}`);
      acknowledged = name;
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      break;
    }
  }
  return acknowledged;
}

test('kill -9 at random points of writes: each write is there with its publication, or not at all', async (context) => {
  // `npm run scenario config-kills` makes a hundred.
  const KILLS = 3;
  const TENANTS = ['a', 'b', 'c'];
  const [nats, postgres] = await Promise.all([startNats(), startPostgres()]);
  const env = { HEADGATE_DATABASE_URL: postgres.url, HEADGATE_NATS_URL: nats.url };
  const held = followTenants(nats.url);
  let service = await startService(env);
  try {
    await service.send('PUT', '/v1/plans/base', {});
    const acknowledged = new Map(TENANTS.map((id) => [id, 0]));
    for (let kill = 0; kill < KILLS; kill++) {
      const writers = TENANTS.map(async (id) => {
        acknowledged.set(id, await writeUntilDeath(service, id, acknowledged.get(id) ?? 0));
      });
      const target = (acknowledged.get('a') ?? 0) + 1;
      // The point of death is a number of writes plus a fraction of one.
      await waitFor(async () => (await nameOf(service, 'a')) >= target + kill, {
        message: 'some writes',
        intervalMs: 3 + kill,
      });
      service.process.kill('SIGKILL');
      await service.process.exited;
      await Promise.all(writers);

      service = await startService(env);
      for (const id of TENANTS) {
        const stored = await nameOf(service, id);
        const last = acknowledged.get(id) ?? 0;
        // The write under way may have been committed without its reply; nothing before it is lost.
        assert.ok(stored === last || stored === last + 1, `${id}: ${last} told, ${stored} stored`);
        await repeatWrite(service, id, last + 1);
        acknowledged.set(id, last + 1);
        await waitFor(() => held.names.get(`tenant.${id}`) === String(last + 1), {
          message: `tenant ${id} to be published as ${last + 1}`,
          describe: () => held.names.get(`tenant.${id}`),
        });
      }
    }
    for (const [key, revisions] of held.revisions) {
      const sorted = [...revisions].sort((x, y) => x - y);
      assert.deepEqual(revisions, sorted, `${key} in order`);
      const report = await service.send('GET', `/v1/revisions/${revisions.at(-1)}`);
      assert.equal(report.body['key'], key, 'no phantom revision');
    }
    context.diagnostic(`${KILLS} kills, writes told: ${[...acknowledged.values()].join(' + ')}`);
  } finally {
    await service.process.stop();
    await held.close();
    await Promise.all([nats.stop(), postgres.stop()]);
  }
});

async function nameOf(service: TestService, id: string): Promise<number> {
  const reply = await service.send('GET', `/v1/tenants/${id}`);
  return Number(reply.body['name'] ?? 0);
}

test('kill -9 on the embedded database keeps every acknowledged write', async () => {
  const directory = await temporaryDirectory('config-crash');
  const env = { HEADGATE_DATA_DIR: directory.path, HEADGATE_NATS_URL: 'nats://127.0.0.1:1' };
  let service = await startService(env);
  try {
    await service.send('PUT', '/v1/plans/base', {});
    const writing = writeUntilDeath(service, 'a', 0);
    await waitFor(async () => (await nameOf(service, 'a')) >= 20, {
      message: 'some writes',
    });
    service.process.kill('SIGKILL');
    const last = await writing;
    await service.process.exited;
    service = await startService(env);
    const stored = await nameOf(service, 'a');
    assert.ok(stored === last || stored === last + 1, `${last} told, ${stored} stored`);
    const status = await service.send('GET', '/v1/status');
    const { pending } = status.body['outbox'] as { pending: number };
    assert.equal(pending, stored + 1, 'the outbox keeps each write until NATS is there');
  } finally {
    await service.process.stop();
    await directory.remove();
  }
});

test('two replicas: one publishes at a time, the other takes over, and nothing is reordered', async () => {
  const [nats, postgres] = await Promise.all([startNats(), startPostgres()]);
  const env = { HEADGATE_DATABASE_URL: postgres.url, HEADGATE_NATS_URL: nats.url };
  const held = followTenants(nats.url);
  try {
    const services = await Promise.all([startService(env), startService(env)]);
    const [first, second] = services;
    await first.send('PUT', '/v1/plans/base', {});
    let name = 0;
    const writeAlternating = async (targets: readonly TestService[], count: number) => {
      for (let index = 0; index < count; index++) {
        name += 1;
        const target = targets[index % targets.length];
        const reply = await target?.send('PUT', '/v1/tenants/a', {
          planId: 'base',
          name: `${name}`,
        });
        assert.ok((reply?.status ?? 500) < 300);
      }
      await waitFor(() => held.names.get('tenant.a') === `${name}`, {
        message: `name ${name}`,
      });
    };
    await writeAlternating(services, 40);
    first.process.kill('SIGKILL');
    await first.process.exited;
    await writeAlternating([second], 20);
    const revisions = held.revisions.get('tenant.a') ?? [];
    assert.deepEqual(
      revisions,
      [...revisions].sort((x, y) => x - y),
    );
    await second.process.stop();
  } finally {
    await held.close();
    await Promise.all([nats.stop(), postgres.stop()]);
  }
});
