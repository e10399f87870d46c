import { CONFIG_BUCKET, encodeDocument } from '@headgate/bus';
import type { Random } from '@headgate/runtime';
import { createSeededRandom, waitFor } from '@headgate/testkit';
import type { ClusterEdge } from '../../cluster/cluster.ts';
import { endedWorkers } from '../edge-metrics.ts';
import type { ConfigFault } from './config-fault.ts';
import type { FaultRig } from './fault-rig.ts';
import { clientOf, withBus } from './with-bus.ts';

const REJECTED_MS_MAX = 1000;
/** Tenant that the messages claim to be. */
const VICTIM_ID = 'tenant-0';
const VICTIM = `tenant.${VICTIM_ID}`;
/** Far above any revision of the run, so that nothing is passed over as old. */
const REVISION = 1_000_000_000;
const SUBJECT = `$KV.${CONFIG_BUCKET}.`;
/** Mutations are stored under so many keys in turn: the bucket keeps one value of each. */
const MUTATED_KEYS = 200;

/** A message that edges have to reject. */
interface BadMessage {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Whether an edge has told of it since it was sent; `logged` is how often it had before. */
  readonly isTold: (rig: FaultRig, edge: ClusterEdge, logged: number) => Promise<boolean>;
}

/** C4: what comes over the bus is no usable document. */
export const corruptMessages: ConfigFault = {
  id: 'C4',
  fault: 'corrupt messages of a tenant: envelopes and bodies of 16 kinds, and mutations',
  required: '0 failed requests; rejected ≤ 1 s with key and reason; 10,000 mutations: 0 crashes',
  scale: ({ mutations }) => `${mutations.toLocaleString('en-US')} mutations`,
  async run(rig, { mutations, seed }) {
    const load = await rig.underLoad(async () => {
      const kinds = await sendKinds(rig);
      return { kinds, rejected: await sendMutations(rig, mutations, createSeededRandom(seed)) };
    });
    const { kinds, rejected } = load.value;
    const ended = await Promise.all(rig.cluster.edges.map(({ admin }) => endedWorkers(admin)));
    const crashes = ended.reduce((sum, count) => sum + count, 0);
    const slowest = kinds.toSorted((a, b) => b.ms - a.ms)[0];
    const healedMs = await changeVictim(rig);
    return {
      figure:
        `${kinds.length} kinds rejected, the slowest after ${slowest?.ms.toFixed(0)} ms (${slowest?.name}); ` +
        `of ${mutations.toLocaleString('en-US')} mutations (seed ${seed}) edges saw ${rejected.toLocaleString('en-US')}: ` +
        `${crashes} crashes; a good revision served after ${healedMs.toFixed(0)} ms; ${load.text}`,
      ok: load.failed === 0 && crashes === 0 && (slowest?.ms ?? Infinity) <= REJECTED_MS_MAX,
    };
  },
};

/** Sends each message, and waits until every edge has told of it. Returns how long that took. */
async function sendKinds(rig: FaultRig) {
  const { edges, nats } = rig.cluster;
  const tookMs: { readonly name: string; readonly ms: number }[] = [];
  await withBus(nats.url, async (bus) => {
    const stream = clientOf(bus).jetstream();
    for (const { name, bytes, isTold } of [
      ...badEnvelopes(),
      ...badBodies(await nextRevision(rig)),
    ]) {
      const logged = edges.map(logLines);
      const fromMs = performance.now();
      await stream.publish(`${SUBJECT}${VICTIM}`, bytes);
      await waitFor(
        async () => {
          const told = edges.map((edge, index) => isTold(rig, edge, logged[index] ?? 0));
          return (await Promise.all(told)).every((one) => one);
        },
        { message: `the edges to reject: ${name}`, deadlineMs: 30_000 },
      );
      tookMs.push({ name, ms: performance.now() - fromMs });
    }
  });
  return tookMs;
}

/** How often an edge has told of unusable bytes. */
function logLines({ component }: ClusterEdge): number {
  return component.process.stdout().filter((line) => line.includes('unusable document')).length;
}

const isLogged: BadMessage['isTold'] = (_, edge, logged) =>
  Promise.resolve(logLines(edge) > logged);

/** Between the revision of the victim and that of its next change. */
async function nextRevision(rig: FaultRig): Promise<number> {
  await changeVictim(rig);
  let revision = 0;
  for (const edge of rig.cluster.edges) {
    const { documents } = await rig.config(edge);
    const held = documents.find(({ key }) => key === VICTIM)?.revision ?? 0;
    revision = Math.max(revision, held + 1);
  }
  return revision;
}

/** Sends mutations of a sound document under keys that are not its own. Returns how many of them edges rejected. */
async function sendMutations(rig: FaultRig, count: number, random: Random): Promise<number> {
  const { edges, nats } = rig.cluster;
  const before = edges.reduce((sum, edge) => sum + logLines(edge), 0);
  const whole = Buffer.from(documentBytes('{"tenant":{},"upstreams":[],"routes":[]}', REVISION));
  await withBus(nats.url, async (bus) => {
    const client = clientOf(bus);
    const stream = client.jetstream();
    for (let from = 0; from < count; from += MUTATED_KEYS) {
      const batch = Array.from({ length: Math.min(MUTATED_KEYS, count - from) }, (_, index) =>
        stream.publish(`${SUBJECT}mutated.${index}`, mutate(whole, random)),
      );
      await Promise.all(batch);
    }
    const manager = await client.jetstreamManager();
    await manager.streams.purge(`KV_${CONFIG_BUCKET}`, { filter: `${SUBJECT}mutated.*` });
  });
  await changeVictim(rig); // comes after all of them
  return edges.reduce((sum, edge) => sum + logLines(edge), 0) - before;
}

/** Flips a bit, cuts, repeats or inserts. */
function mutate(whole: Buffer, random: Random): Buffer {
  const at = Math.floor(random.next() * whole.length);
  const kind = Math.floor(random.next() * 4);
  if (kind === 0) return whole.subarray(0, at);
  if (kind === 1) return Buffer.concat([whole.subarray(0, at), whole]);
  const bytes = Buffer.from(whole);
  if (kind === 2) {
    bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random.next() * 8));
    return bytes;
  }
  const inserted = Buffer.from([Math.floor(random.next() * 256)]);
  return Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at)]);
}

/** A good revision, of all tenants. Returns the ms until the victim's serves. */
async function changeVictim(rig: FaultRig): Promise<number> {
  return rig.untilServed({ ...(await rig.changeAll()), tenant: 0 });
}

function documentBytes(body: string, revision: number): Uint8Array {
  return encodeDocument({ kind: 'tenant', id: VICTIM_ID, revision, deleted: false }, body);
}

/** Bytes that are no document, or not this one. Edges tell of the key in their log. */
function badEnvelopes(): readonly BadMessage[] {
  const whole = Buffer.from(documentBytes('{"tenant":{}}', REVISION));
  const bad = (name: string, bytes: Uint8Array): BadMessage => ({ name, bytes, isTold: isLogged });
  const replaced = (name: string, from: string | RegExp, to: string): BadMessage =>
    bad(name, Buffer.from(whole.toString().replace(from, to)));
  return [
    bad('empty', Buffer.alloc(0)),
    bad('cut', whole.subarray(0, -1)),
    bad('twice in one', Buffer.concat([whole, whole])),
    replaced('a wrong hash', /"sha256":"../, '"sha256":"00'),
    replaced('a null hash', /"sha256":"[0-9a-f]+"/, '"sha256":null'),
    replaced('a blank id', /"id":"[^"]+"/, '"id":""'),
    replaced('the id of another tenant', /"id":"[^"]+"/, '"id":"tenant-1"'),
    replaced('an unknown kind', '"kind":"tenant"', '"kind":"other"'),
    replaced('a future version', '"v":1', '"v":2'),
    bad('a head of deep nesting', Buffer.from(`${'['.repeat(200_000)}\n`)),
    bad('a head of 900 kB', Buffer.from(`${'x'.repeat(900_000)}\n`)),
    replaced('__proto__ for its version', '{"v":1', '{"__proto__":{"v":1}'),
  ];
}

/** Sound envelopes, newer from one to the next. Edges name tenant, revision and reason in `/config` and in their status. */
function badBodies(revision: number): readonly BadMessage[] {
  const deep = 50_000;
  const bodies: readonly (readonly [string, string])[] = [
    ['a null body', 'null'],
    ['fields that are missing', '{"tenant":{}}'],
    ['a body of deep nesting', `{"tenant":${'['.repeat(deep)}${']'.repeat(deep)}}`],
    ['__proto__ in the body', '{"__proto__":{"tenant":{}},"routes":[]}'],
  ];
  return bodies.map(([name, body], index) => ({
    name,
    bytes: documentBytes(body, revision + index),
    async isTold(rig, edge) {
      const { rejected } = await rig.config(edge);
      return rejected.some(
        (one) => one.key === VICTIM && one.revision === revision + index && one.reason !== '',
      );
    },
  }));
}
