import assert from 'node:assert/strict';
import { documentKey, type DocumentKind } from '@headgate/model';
import { systemClock } from '@headgate/runtime';
import { createSeededRandom, waitFor } from '@headgate/testkit';
import {
  ConfigDigest,
  connectBus,
  createConfigFeed,
  createConfigPublisher,
  digestBucket,
  encodeDocument,
  serveConfigRequests,
  type Bus,
  type BusOptions,
  type ConfigFeedEvent,
  type ConfigFeedOptions,
  type DigestMessage,
} from '../src/index.ts';

export const deps = { clock: systemClock, random: createSeededRandom(20_260_101) };

type Login = Pick<BusOptions, 'user' | 'password'>;

/** A bus with short waits, for tests. */
export function openBus(url: string, name: string, login: Login = {}): Bus {
  return connectBus(deps, { servers: [url], name, reconnectWaitMsMax: 200, ...login });
}

export async function openConnectedBus(url: string, name: string, login: Login = {}): Promise<Bus> {
  const bus = openBus(url, name, login);
  try {
    await waitFor(() => bus.connected, { message: `${name} to connect` });
    return bus;
  } catch (error) {
    await bus.close();
    throw error;
  }
}

/** A config-service that keeps its documents in memory. */
export function createMemoryConfigService(bus: Bus, epoch = 'epoch-1') {
  const rows = new Map<string, { readonly revision: number; readonly deleted: boolean }>();
  const bodies = new Map<string, string>();
  const digest = new ConfigDigest();
  const publisher = createConfigPublisher(bus);
  let revision = 0;

  const header = (key: string) => {
    const [kind, id] = key.split('.') as [DocumentKind, string];
    const row = rows.get(key);
    if (row === undefined) throw new Error(`no ${key}`);
    return { kind, id, revision: row.revision, deleted: row.deleted };
  };
  const store = (key: string, body: string | null) => {
    const old = rows.get(key);
    revision += 1;
    if (old !== undefined && !old.deleted) digest.remove(key, old.revision);
    if (body !== null) digest.add(key, revision);
    rows.set(key, { revision, deleted: body === null });
    bodies.set(key, body ?? '');
  };
  const service = {
    publisher,
    /** Changes the database and tells nobody. */
    write: (key: string, body: string | null) => store(key, body),
    publish: (key: string) => publisher.put(header(key), bodies.get(key) ?? ''),
    encoded: (key: string) => encodeDocument(header(key), bodies.get(key) ?? ''),
    digest: () => digest.toMessage(epoch, revision),
    /** What every feed should hold: key and body. */
    documents: () =>
      new Map([...rows].filter(([, row]) => !row.deleted).map(([key]) => [key, bodies.get(key)])),
    /** Writes and publishes with the digest after it, as the real one does. */
    async put(key: string, body: string | null) {
      store(key, body);
      const outcomes = [
        await service.publish(key),
        await publisher.putDigest(digest.toMessage(epoch, revision)),
      ];
      return outcomes.every(({ ok }) => ok);
    },
    async putAll() {
      const outcomes = [await publisher.ensureBucket()];
      for (const key of rows.keys()) outcomes.push(await service.publish(key));
      outcomes.push(await publisher.putDigest(service.digest()));
      const failed = outcomes.find(({ ok }) => !ok);
      assert.equal(failed, undefined);
    },
    serve: (answerDigest: () => DigestMessage = () => service.digest()) =>
      serveConfigRequests(bus, {
        digest: answerDigest,
        list: (bucket) =>
          Promise.resolve({
            epoch,
            revision,
            entries: [...rows]
              .filter(([key, row]) => !row.deleted && digestBucket(key) === bucket)
              .map(([key, row]) => [key, row.revision] as const),
          }),
        get: (keys) =>
          Promise.resolve(
            keys.filter((key) => rows.has(key)).map((key) => [key, service.encoded(key)] as const),
          ),
      }),
  };
  return service;
}

export type MemoryConfigService = ReturnType<typeof createMemoryConfigService>;

/** A feed whose consumer keeps everything that it is told. */
export function createRecordingFeed(bus: Bus, options: ConfigFeedOptions = {}) {
  const documents = new Map<string, string>();
  const revisions = new Map<string, number[]>();
  const removals: string[] = [];
  const rejections: string[] = [];
  const events: ConfigFeedEvent[] = [];
  let syncedCalls = 0;
  const feed = createConfigFeed(
    bus,
    deps,
    {
      onDocument({ key, header, body }) {
        documents.set(key, Buffer.from(body).toString());
        revisions.set(key, [...(revisions.get(key) ?? []), header.revision]);
      },
      onRemoved(key, _revision, why) {
        documents.delete(key);
        removals.push(`${key} ${why}`);
      },
      onRejected: (key, reason) => rejections.push(`${key} ${reason}`),
      onSynced: () => (syncedCalls += 1),
      onEvent: (event) => events.push(event),
    },
    { checkJitterMs: 10, repairGraceMs: 50, ...options },
  );
  return {
    feed,
    documents,
    revisions,
    removals,
    rejections,
    events,
    syncedCalls: () => syncedCalls,
    /** Waits until the feed holds exactly what the service does. */
    async converges(service: MemoryConfigService, deadlineMs = 60_000) {
      const begun = performance.now();
      await waitFor(() => feed.status().synced && equal(documents, service.documents()), {
        message: 'the feed to converge',
        deadlineMs,
        intervalMs: 5,
        describe: () => ({
          ...feed.status(),
          expected: service.documents().size,
          last: events.at(-1),
        }),
      });
      return performance.now() - begun;
    },
  };
}

function equal(
  held: ReadonlyMap<string, string>,
  expected: ReadonlyMap<string, string | undefined>,
): boolean {
  return (
    held.size === expected.size && [...expected].every(([key, body]) => held.get(key) === body)
  );
}

export function tenantKey(number: number): string {
  return documentKey('tenant', `t${number}`);
}
