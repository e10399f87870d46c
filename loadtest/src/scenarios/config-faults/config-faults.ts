import type { RowTable } from '../../bench/side-by-side/row-table.ts';
import type { Check, Say, ScenarioResult } from '../scenario.ts';
import type { ConfigFault, ConfigFaultsOptions, FaultFinding, RigOf } from './config-fault.ts';
import { bootLoop } from './boot-loop.ts';
import { corruptMessages } from './corrupt-messages.ts';
import { damagedDisk } from './damaged-disk.ts';
import { deletions } from './deletions.ts';
import { FaultRig } from './fault-rig.ts';
import { lostMessages } from './lost-messages.ts';
import { damagedStore, lostStream } from './lost-stream.ts';
import { fullReload, oneEdit } from './many-documents.ts';
import { natsDown, startAlone } from './nats-down.ts';
import { natsRestarts } from './nats-restarts.ts';
import { partition, stalledEdge } from './partitions.ts';
import { reconnects } from './reconnects.ts';
import { controlPlaneDown, tooLarge } from './refused-writes.ts';

/** All faults of the control plane, in the order in which they are tried. */
export const CONFIG_FAULTS: readonly ConfigFault[] = [
  natsDown,
  startAlone,
  partition,
  stalledEdge,
  lostStream,
  lostMessages,
  natsRestarts,
  damagedStore,
  tooLarge,
  controlPlaneDown,
  corruptMessages,
  deletions,
  damagedDisk,
  reconnects,
  bootLoop,
  fullReload,
  oneEdit,
];

/** Faults that have a scenario of their own, as rows of the table. */
const ELSEWHERE: readonly (readonly string[])[] = [
  [
    'C2',
    'kill -9 of the config-service at 100 random points of a write',
    '0 lost, 0 phantom revisions',
    '`npm run scenario -- config-kills`',
    '',
  ],
  [
    'C3',
    'clients race for a revision with If-Match, 1,000 times',
    '0 lost updates',
    '`npm run scenario -- config-races`',
    '',
  ],
  [
    'C5',
    'a poisoned tenant among 5,000',
    'others unchanged, p99 +10 % at most, process alive',
    '`npm run scenario -- poisoned-tenant`',
    '',
  ],
  [
    'C8',
    'a bad rollout',
    'halted at the first ring, rolled back ≤ 30 s',
    '`services/cli/test/rollout.test.ts`',
    '',
  ],
  [
    'C12',
    'documents of other builds, on the bus and on disks',
    'all fixtures load, and are kept for ever',
    '`services/edge/test/compatible-documents.test.ts`',
    '',
  ],
];

const INTRODUCTION: readonly string[] = [
  'What becomes of a cluster when its control plane is hurt: real processes of NATS, PostgreSQL, the config-service and two',
  'edges with 200 tenants, which get 200 requests/s meanwhile. Times that would be minutes are shorter, as the rows say.',
];

const SHARED: RigOf = () => ({ edges: 2, tenants: 200 });

/** A fault with what became of it. */
type TriedFault = FaultFinding & Pick<ConfigFault, 'id' | 'fault' | 'required'>;

/**
 * Faults of NATS, the config-service, its database and the disks of edges, one after the other on one cluster of real
 * processes, under requests.
 *
 * @param faults default: all
 */
export async function configFaults(
  options: ConfigFaultsOptions,
  say: Say,
  faults: readonly ConfigFault[] = CONFIG_FAULTS,
): Promise<ScenarioResult> {
  const rows: TriedFault[] = [];
  let running: { readonly of: RigOf; readonly rig: FaultRig } | null = null;
  try {
    for (const fault of faults) {
      say(`${fault.id} ${fault.fault}`);
      const wanted = fault.rig ?? SHARED;
      if (running !== null && running.of !== wanted) {
        await running.rig.stop();
        running = null;
      }
      running ??= { of: wanted, rig: await FaultRig.start(wanted(options)) };
      const { finding, broken } = await tried(fault, running.rig, options);
      const scaled = fault.scale === undefined ? '' : ` (here ${fault.scale(options)})`;
      rows.push({
        ...finding,
        id: fault.id,
        fault: `${fault.fault}${scaled}`,
        required: fault.required,
      });
      if (!broken) continue;
      await running.rig.stop();
      running = null;
    }
  } finally {
    await running?.rig.stop();
  }
  return {
    name: 'config-faults',
    checks: rows.map(checkOf),
    page: {
      title: 'Faults of the control plane',
      introduction: INTRODUCTION,
      table: tableOf(rows),
    },
  };
}

async function tried(
  fault: ConfigFault,
  rig: FaultRig,
  options: ConfigFaultsOptions,
): Promise<{ readonly finding: FaultFinding; readonly broken: boolean }> {
  try {
    return { finding: await fault.run(rig, options), broken: false };
  } catch (error) {
    const figure = error instanceof Error ? error.message : String(error);
    return { finding: { figure, ok: false }, broken: true };
  }
}

function checkOf({ id, fault, required, figure, ok }: TriedFault): Check {
  return { rule: `${id} ${fault}: ${required}`, figure, passed: ok };
}

/** N1 to N10, then C1 to C12. */
function tableOf(rows: readonly TriedFault[]): RowTable {
  const tried = rows.map(({ id, fault, required, figure, ok }) => [
    id,
    fault,
    required,
    figure,
    ok ? 'yes' : '**no**',
  ]);
  const place = ([id = '']: readonly string[]): number =>
    Number(id.slice(1)) + (id.startsWith('C') ? 100 : 0);
  return {
    columns: ['', 'fault', 'required', 'figure', 'ok'].map((title) => ({ title })),
    cells: [...tried, ...ELSEWHERE].sort((a, b) => place(a) - place(b)),
  };
}
