import { readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CONFIG_BUCKET, createConfigPublisher } from '@headgate/bus';
import { startNats, waitFor } from '@headgate/testkit';
import type { ConfigFault, FaultFinding } from './config-fault.ts';
import type { FaultRig } from './fault-rig.ts';
import { clientOf, withBus } from './with-bus.ts';

const HEALED_MS_MAX = 10_000;
const STREAM = `KV_${CONFIG_BUCKET}`;
/** How long edges are with another cluster's server. */
const FOREIGN_MS = 3000;

/** Something that happens to what JetStream has stored. */
interface Loss {
  readonly name: string;
  readonly happen: (rig: FaultRig) => Promise<void>;
}

/** N5: the stream is gone, or another one. */
export const lostStream: ConfigFault = {
  id: 'N5',
  fault: 'stream deleted; rewound to sequence 1; that of another cluster',
  required: '0 tenants lost; healed ≤ 10 s',
  run: (rig) =>
    tryLosses(rig, [
      { name: 'deleted', happen: deleteStream },
      { name: 'rewound', happen: ({ cluster }) => cluster.nats.restartEmpty() },
      { name: 'another cluster', happen: visitAnotherCluster },
    ]),
};

/** N8: what JetStream wrote is not what it reads. */
export const damagedStore: ConfigFault = {
  id: 'N8',
  fault: 'JetStream’s files truncated, with flipped bits, empty',
  required: '0 tenants lost; healed ≤ 10 s',
  run: (rig) =>
    tryLosses(rig, [
      {
        name: 'truncated',
        happen: (one) => damageStore(one, (file, size) => truncate(file, size >> 1)),
      },
      { name: 'flipped bits', happen: (one) => damageStore(one, flipBits) },
      { name: 'empty', happen: (one) => damageStore(one, (file) => truncate(file, 0)) },
    ]),
};

async function tryLosses(rig: FaultRig, losses: readonly Loss[]): Promise<FaultFinding> {
  const figures: string[] = [];
  let ok = true;
  for (const { name, happen } of losses) {
    const { edges } = rig.cluster;
    const before = await Promise.all(edges.map((edge) => rig.config(edge)));
    const load = await rig.underLoad(async () => {
      await happen(rig);
      const fromMs = performance.now();
      const made = await rig.change();
      await rig.untilServed({ ...made, repliedMs: fromMs });
      const servedMs = performance.now() - fromMs;
      await bucketIsFull(rig, (before[0]?.total ?? 0) + 1); // and the digest
      return { servedMs, fullMs: performance.now() - fromMs };
    });
    const after = await Promise.all(edges.map((edge) => rig.config(edge)));
    const lost = before.reduce(
      (sum, { total }, index) => sum + total - (after[index]?.total ?? 0),
      0,
    );
    const { servedMs, fullMs } = load.value;
    figures.push(
      `${name}: ${lost} lost, a change served after ${servedMs.toFixed(0)} ms, the bucket whole after ${fullMs.toFixed(0)} ms, ${load.text}`,
    );
    ok &&= lost === 0 && Math.max(servedMs, fullMs) <= HEALED_MS_MAX && load.failed === 0;
  }
  return { figure: figures.join('; '), ok };
}

async function deleteStream({ cluster }: FaultRig): Promise<void> {
  await withBus(cluster.nats.url, async (bus) => {
    const manager = await clientOf(bus).jetstreamManager();
    await manager.streams.delete(STREAM);
  });
}

/** Edges meet a server with the bucket of another database, empty but for its digest, and come back. */
async function visitAnotherCluster(rig: FaultRig): Promise<void> {
  const { edges, nats } = rig.cluster;
  const other = await startNats();
  try {
    await withBus(other.url, async (bus) => {
      const publisher = createConfigPublisher(bus);
      await publisher.ensureBucket();
      const buckets = Array.from({ length: 64 }, () => '0'.repeat(16));
      const digest = {
        v: 1 as const,
        epoch: 'another-database',
        revision: 2 ** 40,
        count: 0,
        buckets,
      };
      await publisher.putDigest(digest);
      for (const edge of edges) rig.linkOf(edge).leadTo(other.port);
      const untilMs = performance.now() + FOREIGN_MS;
      while (performance.now() < untilMs) {
        publisher.broadcastDigest(digest);
        await sleep(100);
      }
    });
  } finally {
    for (const edge of edges) rig.linkOf(edge).leadTo(nats.port);
    await other.stop();
  }
}

async function damageStore(
  { cluster }: FaultRig,
  damage: (file: string, bytes: number) => Promise<void>,
): Promise<void> {
  const { nats } = cluster;
  await nats.kill();
  const names = await readdir(nats.storeDirectory, { recursive: true });
  for (const name of names.filter((one) => one.includes(STREAM) && one.endsWith('.blk'))) {
    const file = join(nats.storeDirectory, name);
    await damage(file, (await stat(file)).size);
  }
  await nats.restart();
}

/** One in every part of the file. */
async function flipBits(file: string): Promise<void> {
  const bytes = await readFile(file);
  const step = Math.max(1, Math.floor(bytes.length / 16));
  for (let at = step >> 1; at < bytes.length; at += step) bytes[at] = (bytes[at] ?? 0) ^ 0x10;
  await writeFile(file, bytes);
}

/** Waits until the bucket holds so many keys. */
async function bucketIsFull({ cluster }: FaultRig, keys: number): Promise<void> {
  await withBus(cluster.nats.url, async (bus) => {
    await waitFor(
      async () => {
        const manager = await clientOf(bus).jetstreamManager();
        const { state } = await manager.streams.info(STREAM);
        return (state.num_subjects ?? 0) >= keys;
      },
      { message: `${keys} keys in the bucket`, deadlineMs: 60_000, intervalMs: 50 },
    );
  });
}
