import { randomInt } from 'node:crypto';
import { bigBodies } from './scenarios/big-bodies.ts';
import { fileURLToPath } from 'node:url';
import { describeMachine } from './bench/machine.ts';
import { configFaults } from './scenarios/config-faults/config-faults.ts';
import { configKills } from './scenarios/config-kills.ts';
import { configRaces } from './scenarios/config-races.ts';
import { edgeRestarts } from './scenarios/edge-restarts.ts';
import { exactLimits } from './scenarios/exact-limits.ts';
import { limitFaults } from './scenarios/limit-faults/limit-faults.ts';
import { manyTenants } from './scenarios/many-tenants.ts';
import { outages } from './scenarios/outages.ts';
import { webSockets } from './scenarios/web-sockets.ts';
import { overload } from './scenarios/overload.ts';
import { poisonedTenant } from './scenarios/poisoned-tenant.ts';
import type { Say, ScenarioResult } from './scenarios/scenario.ts';
import { slowClients } from './scenarios/slow-clients.ts';
import { workerLoss } from './scenarios/worker-loss.ts';
import { currentCommit, writePage } from './scenarios/write-page.ts';

// `npm run scenario -- [--docs] [NAME…]`: runs scenarios at full size and prints each promise with its figure. With `--docs`
// those that have a page in the documentation write it anew.

const SCENARIOS: Readonly<Record<string, (say: Say) => Promise<ScenarioResult>>> = {
  'exact-limits': (say) => exactLimits({ seconds: 10, perSecond: 500 }, say),
  outages: (say) => outages({ holdMs: 3000, apart: true }, say),
  'edge-restarts': (say) =>
    edgeRestarts({ rollingRestarts: 10, perSecond: 500, fromDiskWithinMs: 3000 }, say),
  'big-bodies': (say) =>
    bigBodies({ bytes: 1024 ** 3, slowBytesPerSecond: 100 * 1024 * 1024 }, say),
  'web-sockets': (say) => webSockets({ tunnels: 1000, drainMs: 5000 }, say),
  'many-tenants': (say) => manyTenants({ tenants: 10_000 }, say),
  'slow-clients': (say) =>
    slowClients(
      {
        connections: 4000,
        perSecond: 200,
        warmUpSeconds: 2,
        baselineSeconds: 15,
        headerTimeoutMs: 10_000,
        bodyStallMs: 20_000,
        writeStallMs: 20_000,
        p99FloorMs: 10,
      },
      say,
    ),
  overload: (say) => overload({ seconds: 10, connections: 1000, goodputMin: 0.9 }, say),
  'config-faults': (say) =>
    configFaults(
      {
        holdMs: 5000,
        partitionMs: 20_000,
        stallMs: 10_000,
        stalledUpdates: 5000,
        messagesMax: 6,
        natsRestarts: 20,
        mutations: 10_000,
        fakeEdges: 200,
        kills: 40,
        tenants: 5000,
        tenantBytes: 6000,
        seed: randomInt(2 ** 31),
      },
      say,
    ),
  'config-kills': (say) =>
    configKills({ kills: 100, database: 'postgres', seed: randomInt(2 ** 31) }, say),
  'config-races': (say) => configRaces({ races: 1000, clients: 8 }, say),
  'limit-faults': (say) =>
    limitFaults(
      { holdMs: 3000, tenants: 10_000, addresses: 100_000, seed: randomInt(2 ** 31) },
      say,
    ),
  'poisoned-tenant': (say) =>
    poisonedTenant({ tenants: 5000, watchMs: 10_000, timerMs: 60_000, p99FloorMs: 10 }, say),
  'worker-loss': (say) => workerLoss({ workers: 3, perSecond: 500, connections: 48 }, say),
};

const DOCS = fileURLToPath(new URL('../../docs', import.meta.url));
const args = process.argv.slice(2);
const writesDocs = args.includes('--docs');
const asked = args.filter((arg) => arg !== '--docs');
const names = asked.length === 0 ? Object.keys(SCENARIOS) : asked;
const unknown = names.filter((name) => SCENARIOS[name] === undefined);
if (unknown.length > 0) {
  console.error(`unknown scenario: ${unknown.join(', ')}`);
  console.error(`known: ${Object.keys(SCENARIOS).join(', ')}`);
  process.exit(2);
}
let failed = 0;
for (const name of names) {
  const startedAt = new Date();
  const result = await SCENARIOS[name]?.((line) => console.log(`  … ${line}`));
  for (const check of result?.checks ?? []) {
    if (!check.passed) failed += 1;
    console.log(`${check.passed ? 'ok  ' : 'FAIL'} ${name}: ${check.rule}\n       ${check.figure}`);
  }
  if (!writesDocs || result?.page === undefined) continue;
  const run = { name, startedAt, machine: describeMachine(), commit: await currentCommit(DOCS) };
  console.log(`wrote ${await writePage(DOCS, run, result.page)}`);
}
process.exit(failed === 0 ? 0 : 1);
