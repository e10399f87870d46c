import { cp, readdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSeededRandom, waitFor } from '@headgate/testkit';
import type { ClusterEdge } from '../../cluster/cluster.ts';
import { timed } from '../scenario.ts';
import type { ConfigFault, ConfigFaultsOptions } from './config-fault.ts';
import type { FaultRig } from './fault-rig.ts';

const START_MS_MAX = 3000;
/** Journals grow by about 150 KB with each change of all tenants, and are folded at 1 MiB. */
const CHANGES_MAX = 60;
const KILL_WITHIN_MS = 300;
const CHANGE_GAP_MS = 50;

/** Something that is wrong with the files of an edge that does not run. */
interface Damage {
  readonly name: string;
  /** False: there is no NATS to fetch from. */
  readonly canFetch: boolean;
  readonly do: (directory: string, bases: readonly string[]) => Promise<void>;
}

const DAMAGES: readonly Damage[] = [
  { name: 'newest base empty', canFetch: false, do: (_, bases) => truncate(newest(bases), 0) },
  { name: 'cut', canFetch: false, do: (_, bases) => truncate(newest(bases), 5000) },
  { name: 'flipped bits', canFetch: false, do: (_, bases) => edit(newest(bases), flip) },
  { name: 'old schema', canFetch: false, do: (_, bases) => edit(newest(bases), outdate) },
  {
    name: 'all bases cut',
    canFetch: true,
    do: async (_, bases) => void (await Promise.all(bases.map((base) => truncate(base, 5000)))),
  },
  {
    name: 'a file for the directory',
    canFetch: true,
    async do(directory) {
      await rm(directory, { recursive: true });
      await writeFile(directory, '');
    },
  },
];

/** C7: what an edge has on its disk is damaged, or cannot be written. */
export const damagedDisk: ConfigFault = {
  id: 'C7',
  fault:
    'last-good files empty, cut, with flipped bits, of an old schema; no directory; disk full; kill -9 during writes',
  required: 'N−1, else fetched; start ≤ 3 s; 0 crash loops in 200 kills',
  scale: ({ kills }) => `${kills} kills; disk full by /dev/full`,
  async run(rig, options) {
    const edge = rig.cluster.edges.at(-1);
    if (edge === undefined) throw new Error('a rig has edges');
    await twoGenerations(rig, edge);
    const starts = await tryDamages(rig, edge);
    const full = await diskFull(rig, edge);
    const killed = await killDuringWrites(rig, edge, options);
    const slowest = starts.toSorted((a, b) => b.ms - a.ms)[0];
    const missing = starts.filter(({ served }) => served < rig.tenants).map(({ name }) => name);
    return {
      figure:
        `${starts.length} damages, ${missing.length === 0 ? 'all tenants served after each' : `tenants missing after ${missing.join(', ')}`}, ` +
        `the slowest start ${slowest?.ms.toFixed(0)} ms (${slowest?.name}); disk full: ${full.told}; ` +
        `${options.kills} kills: ${killed.damaged} without a sound base, the slowest start ${killed.slowestMs.toFixed(0)} ms`,
      ok:
        missing.length === 0 &&
        (slowest?.ms ?? Infinity) <= START_MS_MAX &&
        full.ok &&
        killed.damaged === 0 &&
        killed.slowestMs <= START_MS_MAX,
    };
  },
};

/**
 * Changes tenants until the edge has a generation and the one before it. What it starts with is good, and stands in bases;
 * what comes later is on probation, and stands in journals.
 */
async function twoGenerations(rig: FaultRig, edge: ClusterEdge): Promise<void> {
  await edge.component.stop();
  await rm(edge.dataDirectory, { recursive: true });
  await edge.component.start();
  for (let change = 0; change < CHANGES_MAX; change += 1) {
    if ((await basesOf(edge)).length >= 2) return;
    await rig.untilServed(await rig.changeAll());
  }
  throw new Error('the journal was not folded');
}

async function tryDamages(rig: FaultRig, edge: ClusterEdge) {
  const { nats } = rig.cluster;
  const directory = snapshotsOf(edge);
  const found: { readonly name: string; readonly ms: number; readonly served: number }[] = [];
  await edge.component.stop();
  await cp(directory, `${directory}.kept`, { recursive: true });
  let hasNats = true;
  for (const { name, canFetch, do: damage } of DAMAGES) {
    if (hasNats && !canFetch) await nats.kill();
    if (!hasNats && canFetch) await nats.restart();
    hasNats = canFetch;
    await damage(directory, await basesOf(edge));
    const [, ms] = await timed(() => edge.component.start());
    let served = 0;
    for (let tenant = 0; tenant < rig.tenants; tenant += 1) {
      if (await rig.serves(edge, tenant)) served += 1;
    }
    found.push({ name, ms, served });
    await edge.component.stop();
    await rm(directory, { recursive: true });
    await cp(`${directory}.kept`, directory, { recursive: true });
  }
  await rm(`${directory}.kept`, { recursive: true });
  await edge.component.start();
  return found;
}

/** Writes meet a device that is always full, and find space again later. */
async function diskFull(rig: FaultRig, edge: ClusterEdge) {
  const directory = snapshotsOf(edge);
  const generation = Number(/base-(\d+)/.exec(newest(await basesOf(edge)))?.[1]);
  const journal = join(directory, `journal-${generation}.snapshot`);
  const base = join(directory, `base-${generation + 1}.snapshot.new`);
  await rename(journal, `${journal}.away`).catch(() => undefined); // there may be none yet
  for (const file of [journal, base]) await symlink('/dev/full', file);
  const fails = (): boolean =>
    edge.component.process.stdout().some((line) => line.includes('was not written'));
  const servedMs = await rig.untilServed(await rig.changeAll());
  await waitFor(fails, { message: 'a failed write' });
  for (const file of [journal, base]) await rm(file, { force: true });
  await rename(`${journal}.away`, journal).catch(() => undefined);
  return { told: `a change served after ${servedMs.toFixed(0)} ms, the failure logged`, ok: true };
}

async function killDuringWrites(
  rig: FaultRig,
  edge: ClusterEdge,
  { kills, seed }: ConfigFaultsOptions,
) {
  const random = createSeededRandom(seed);
  let [damaged, slowestMs, ended] = [0, 0, false];
  const writing = (async () => {
    while (!ended) {
      await rig.changeAll();
      await sleep(CHANGE_GAP_MS);
    }
  })();
  try {
    for (let kill = 0; kill < kills; kill += 1) {
      await sleep(random.next() * KILL_WITHIN_MS);
      await edge.component.kill();
      const [, ms] = await timed(() => edge.component.start());
      slowestMs = Math.max(slowestMs, ms);
      const lines = edge.component.process.stdout();
      if (lines.some((line) => line.includes('not ready before the first sync'))) damaged += 1;
    }
  } finally {
    ended = true;
    await writing;
  }
  await rig.published();
  await rig.untilServed(await rig.changeAll());
  return { damaged, slowestMs };
}

function snapshotsOf({ dataDirectory }: ClusterEdge): string {
  return join(dataDirectory, 'snapshots');
}

/** Bases on the disk, the oldest first. */
async function basesOf(edge: ClusterEdge): Promise<readonly string[]> {
  const directory = snapshotsOf(edge);
  const numbers = (await readdir(directory)).flatMap((name) => {
    const match = /^base-(\d+)\.snapshot$/.exec(name);
    return match === null ? [] : [Number(match[1])];
  });
  return numbers.sort((a, b) => a - b).map((number) => join(directory, `base-${number}.snapshot`));
}

function newest(bases: readonly string[]): string {
  const base = bases.at(-1);
  if (base === undefined) throw new Error('the edge has no base on its disk');
  return base;
}

async function edit(file: string, change: (bytes: Buffer) => Buffer): Promise<void> {
  await writeFile(file, change(await readFile(file)));
}

/** One bit in each of eight places. */
function flip(bytes: Buffer): Buffer {
  const step = Math.max(1, bytes.length >> 3);
  for (let at = step >> 1; at < bytes.length; at += step) bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes;
}

/** Records of a format that there never was. */
function outdate(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('latin1').replaceAll('HG1 ', 'HG0 '), 'latin1');
}
