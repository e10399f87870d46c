import type { RowTable } from '../../bench/side-by-side/row-table.ts';
import type { Say, ScenarioResult } from '../scenario.ts';
import { clocksStepped } from './clock-faults.ts';
import type { LimitFault, LimitFinding } from './limit-fault.ts';
import { LimitRig } from './limit-rig.ts';
import { edgeKilled, masterKilled, natsCut } from './other-faults.ts';
import { keysSpoilt, manyAtOnce, redisFlushed, redisKilled, redisStopped } from './redis-faults.ts';
import { randomKeys, redisMemory } from './redis-memory.ts';

/**
 * How long each fault lasts in ms, of how many tenants the memory is measured and how many
 * addresses clients come from (0: neither), and what decides the moments.
 */
export interface LimitFaultsOptions {
  readonly holdMs: number;
  readonly tenants: number;
  readonly addresses: number;
  readonly seed: number;
}

/** Faults on one cluster, in the order in which they are tried. */
export const LIMIT_FAULTS: readonly LimitFault[] = [
  manyAtOnce,
  redisFlushed,
  keysSpoilt,
  redisStopped,
  redisKilled,
  natsCut,
  edgeKilled,
];

/** Faults that tests try, as rows of the table. */
const ELSEWHERE: readonly (readonly string[])[] = [
  [
    'R7',
    'clocks of edges and of Redis step, up to an hour, in random schedules',
    'no promise broken, nobody locked out beyond a window',
    '`libs/limiting-redis/src/{take,rate,quota}-script.test.ts`',
    '',
  ],
  [
    'R8',
    'GCRA against an exact model, 10,000 schedules',
    '0 differences',
    '`libs/limiting/src/rate-meter.test.ts`, `libs/limiting-redis/src/rate-script.test.ts`',
    '',
  ],
];

const INTRODUCTION: readonly string[] = [
  'What becomes of limits when Redis, NATS or an edge is hurt: real processes of Redis, NATS, the config-service and three edges.',
  'One tenant is asked for three times what its limit of 120 a second allows, another is far below its own.',
];

type Row = LimitFinding & Pick<LimitFault, 'id' | 'fault' | 'bound'>;

/**
 * Faults of what limits are counted with, one after the other under requests.
 *
 * @param faults those on one cluster; R3 and the memory have their own options. Default: all
 */
export async function limitFaults(
  options: LimitFaultsOptions,
  say: Say,
  faults: readonly LimitFault[] = LIMIT_FAULTS,
  withFailover = true,
): Promise<ScenarioResult> {
  const { seed, holdMs, tenants, addresses } = options;
  say(`seed ${seed}`);
  const rows: Row[] = [];
  const rig = await LimitRig.start(seed, holdMs);
  try {
    for (const { id, fault, bound, run } of faults) {
      say(`${id} ${fault}`);
      rows.push({ id, fault, bound, ...(await tried(() => run(rig))) });
    }
    if (tenants > 0) {
      const fault = `${tenants} active tenants with 3 windows each`;
      say(`R6 ${fault}`);
      const bound = 'Redis holds ≤ 1 KiB for each, all gone within twice the longest window';
      rows.push({ id: 'R6', fault, bound, ...(await tried(() => redisMemory(rig, tenants))) });
    }
    if (addresses > 0) {
      const fault = `a limit per client address, requests from ${addresses} random ones`;
      say(`R6 ${fault}`);
      const bound = 'every key has a TTL, all gone within twice the window';
      rows.push({ id: 'R6', fault, bound, ...(await tried(() => randomKeys(rig, addresses))) });
    }
  } finally {
    await rig.stop();
  }
  rows.push(...(await stepsRow(options, say)));
  if (withFailover) {
    const fault = 'kill -9 of the master, a Sentinel promotes its replica';
    say(`R3 ${fault}`);
    const bound = '0 failed; exact again ≤ 10 s; < 2 × the limit in a second, then ≤ the limit';
    rows.push({ id: 'R3', fault, bound, ...(await tried(() => masterKilled(seed, holdMs))) });
  }
  rows.sort((a, b) => a.id.localeCompare(b.id));
  return {
    name: 'limit-faults',
    checks: rows.map(({ id, fault, bound, figure, ok }) => {
      return { rule: `${id} ${fault}: ${bound}`, figure, passed: ok };
    }),
    page: { title: 'Faults of limits', introduction: INTRODUCTION, table: tableOf(rows) },
  };
}

/** Nothing where processes cannot be given another clock. */
async function stepsRow({ seed, holdMs }: LimitFaultsOptions, say: Say): Promise<Row[]> {
  const fault =
    'Redis’s clock steps back 60 s while those of the edges step an hour forward, then two back';
  say(`R7 ${fault}`);
  let missing = false;
  const finding = await tried(async () => {
    const found = await clocksStepped(seed, holdMs);
    missing = found === null;
    return found ?? { figure: '', ok: false };
  });
  if (missing) {
    say('R7 was left out: libfaketime is not installed');
    return [];
  }
  const bound = '0 failed; ≤ the limit all the time, 90 % of it from a second after the step on';
  return [{ id: 'R7', fault, bound, ...finding }];
}

async function tried(run: () => Promise<LimitFinding>): Promise<LimitFinding> {
  try {
    return await run();
  } catch (error) {
    return { figure: error instanceof Error ? error.message : String(error), ok: false };
  }
}

function tableOf(rows: readonly Row[]): RowTable {
  return {
    columns: ['', 'fault', 'bound', 'figure', 'ok'].map((title) => ({ title })),
    cells: [
      ...rows.map(({ id, fault, bound, figure, ok }) => [
        ...[id, fault, bound, figure],
        ok ? 'yes' : '**no**',
      ]),
      ...ELSEWHERE,
    ],
  };
}
