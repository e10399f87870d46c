import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bigBodies } from '../src/scenarios/big-bodies.ts';
import { configKills } from '../src/scenarios/config-kills.ts';
import { configRaces } from '../src/scenarios/config-races.ts';
import { edgeRestarts } from '../src/scenarios/edge-restarts.ts';
import { exactLimits } from '../src/scenarios/exact-limits.ts';
import { manyTenants } from '../src/scenarios/many-tenants.ts';
import { outages } from '../src/scenarios/outages.ts';
import { webSockets } from '../src/scenarios/web-sockets.ts';
import { poisonedTenant } from '../src/scenarios/poisoned-tenant.ts';
import type { Say, ScenarioResult } from '../src/scenarios/scenario.ts';
import { slowClients } from '../src/scenarios/slow-clients.ts';
import { workerLoss } from '../src/scenarios/worker-loss.ts';

// The scenarios of `npm run scenario`, at a size that suits every test run.

const quiet: Say = () => undefined;

function assertPassed(result: ScenarioResult): void {
  for (const { rule, figure, passed } of result.checks) assert.ok(passed, `${rule}: ${figure}`);
  assert.ok(result.checks.length > 0);
}

test('two edges never admit more than the limit, and use it', async () => {
  assertPassed(await exactLimits({ seconds: 4, perSecond: 500 }, quiet));
});

test('no outage of an endpoint or of the control plane fails a request or breaks a limit', async () => {
  assertPassed(await outages({ holdMs: 2200 }, quiet));
});

test('edges restart one after the other without a failed request, and one starts from its disk', async () => {
  assertPassed(await edgeRestarts({ rollingRestarts: 1, perSecond: 200 }, quiet));
});

test('large bodies do not pile up behind a slow peer', async () => {
  const size = { bytes: 192 * 1024 * 1024, slowBytesPerSecond: 64 * 1024 * 1024 };
  assertPassed(await bigBodies(size, quiet));
});

test('a thousand tenants come in one bundle and are served', async () => {
  assertPassed(await manyTenants({ tenants: 1000 }, quiet));
});

test('WebSockets outlive configuration changes and end with 1001 at the deadline of a drain', async () => {
  assertPassed(await webSockets({ tunnels: 50, drainMs: 1500 }, quiet));
});

test('slow clients are cut in time, and nobody else notices', async () => {
  const size = { connections: 200, perSecond: 100, baselineSeconds: 2, p99FloorMs: 500 };
  const times = { headerTimeoutMs: 1500, bodyStallMs: 1500, writeStallMs: 1500 };
  assertPassed(await slowClients({ ...size, ...times }, quiet));
});

test('a worker that is killed or stopped takes its own connections along and is replaced', async () => {
  assertPassed(await workerLoss({ workers: 2, perSecond: 100, connections: 24 }, quiet));
});

test('kill -9 of the config-service during writes loses nothing and invents nothing', async () => {
  assertPassed(await configKills({ kills: 5, database: 'postgres', seed: 1 }, quiet));
});

test('of writers that race for a revision on two config-services one wins, and no update is lost', async () => {
  assertPassed(await configRaces({ races: 25, clients: 4 }, quiet));
});

// What ends workers is tested in `last-good.test.ts` of the edge.
test('a tenant that does not compile, or whose requests throw, harms no other tenant', async () => {
  const size = { tenants: 100, watchMs: 500, timerMs: null, p99FloorMs: 2000 };
  assertPassed(await poisonedTenant(size, quiet));
});
