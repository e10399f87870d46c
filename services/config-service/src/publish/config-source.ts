import {
  ConfigDigest,
  DIGEST_BUCKETS,
  digestBucket,
  encodeDocument,
  type ConfigSource,
  type DigestMessage,
} from '@headgate/bus';
import type { Clock } from '@headgate/runtime';
import type { Outbox } from '../store/outbox.ts';
import { publishedHeader } from './build-document.ts';

/**
 * Age in ms up to which a listing answers more questions. An edge that repairs asks for up to 64 buckets in turn, and all
 * edges do after an outage; reading all documents for each would keep the database busy. Feeds wait 1 s between a digest
 * and its repair, so a listing of this age is no older than what the repair is to reach.
 */
const LISTING_AGE_MS_MAX = 1000;

/** Live documents of one consistent state, by digest bucket. */
interface Listing {
  readonly digest: DigestMessage;
  readonly buckets: readonly (readonly (readonly [key: string, revision: number])[])[];
}

/**
 * Answers the questions of edges from the database, which is right whatever the bus has lost.
 *
 * A digest is of a reading that began after the question: older ones could hide a change. One reading is under way at a
 * time, and all who ask during it share the next one, so that a whole cluster of edges that reconnects is not one reading
 * of everything for each edge.
 */
export function createConfigSource(
  { clock }: { readonly clock: Pick<Clock, 'monotonicMs'> },
  outbox: Pick<Outbox, 'entries' | 'epoch' | 'documents'>,
): ConfigSource {
  /** The newest one, or its reading. */
  let listing: { readonly startedMs: number; readonly read: Promise<Listing> } | null = null;

  /** The reading that is under way. */
  let reading: Promise<unknown> | null = null;
  /** The one that begins when that has ended. */
  let following: Promise<Listing> | null = null;

  function readAnew(): Promise<Listing> {
    if (reading === null) return beginReading();
    following ??= reading.then(beginReading);
    return following;
  }

  function beginReading(): Promise<Listing> {
    const startedMs = clock.monotonicMs();
    const read = readListing(outbox);
    const current = { startedMs, read };
    listing = current;
    following = null;
    const ended: Promise<void> = read.then(
      () => endReading(ended),
      () => {
        if (listing === current) listing = null; // the asker hears of it; the next one reads again
        endReading(ended);
      },
    );
    reading = ended;
    return read;
  }

  function endReading(ended: Promise<void>): void {
    if (reading === ended) reading = null;
  }

  return {
    digest: async () => (await readAnew()).digest,
    async list(bucket) {
      const oldestMs = clock.monotonicMs() - LISTING_AGE_MS_MAX;
      const recent = listing !== null && listing.startedMs >= oldestMs ? listing.read : null;
      const { digest, buckets } = await (recent ?? readAnew());
      return { epoch: digest.epoch, revision: digest.revision, entries: buckets[bucket] ?? [] };
    },
    async get(keys) {
      const documents = await outbox.documents(keys);
      return documents.map((document) => [
        document.key,
        encodeDocument(publishedHeader(document), document.body),
      ]);
    },
  };
}

async function readListing(outbox: Pick<Outbox, 'entries' | 'epoch'>): Promise<Listing> {
  const buckets = Array.from({ length: DIGEST_BUCKETS }, (): [string, number][] => []);
  const digest = new ConfigDigest();
  let newest = 0;
  for (const { key, revision, deleted } of await outbox.entries()) {
    newest = Math.max(newest, revision);
    if (deleted) continue;
    digest.add(key, revision);
    buckets[digestBucket(key)]?.push([key, revision]);
  }
  return { digest: digest.toMessage(await outbox.epoch(), newest), buckets };
}
