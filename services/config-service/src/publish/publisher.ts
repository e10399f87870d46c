import type { Bus, ConfigPublisher } from '@headgate/bus';
import { fullJitterMs, type Clock, type Random } from '@headgate/runtime';
import type { Outbox } from '../store/outbox.ts';
import { publishedHeader, type BuiltDocument } from './build-document.ts';
import { createDoorbell } from './doorbell.ts';
import type { Lease } from './lease.ts';
import { publishSteps } from './publish-steps.ts';
import { PublishedDocuments } from './published-documents.ts';
import { readStoredDigest } from './stored-digest.ts';

/** What the publisher works with. */
export interface PublisherDependencies {
  readonly outbox: Outbox;
  readonly bus: Bus;
  readonly target: ConfigPublisher;
  readonly lease: Lease;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: PublisherObserver;
  /** Forgets what is kept for a time only; called about every 30 s while this replica leads. */
  readonly forgetOld: () => Promise<void>;
}

/** Hears of what the publisher does, for logs and metrics. */
export interface PublisherObserver {
  /** A document is in the bucket. */
  onPublished(document: { readonly key: string; readonly revision: number }): void;
  /** Revisions are known to be published, so many ms after their commits. */
  onDelivered(delaysMs: readonly number[]): void;
  /** Something did not work; it is tried again. `what` is for people. */
  onFailure(what: string, error: unknown): void;
  /** Documents that the bucket lacked are published once more. */
  onRepublish(count: number): void;
}

/** Carries the outbox to the bus. Whoever creates it closes it. */
export interface Publisher {
  /** There is something to do: call it after each commit, and when the lease was won. */
  wake(): void;
  /** Ends after the batch that is under way, and the digest of what is published. */
  close(): Promise<void>;
}

const BATCH_KEYS = 256;
const PUTS_AT_ONCE = 32;
const RETRY_BASE_MS = 50;
const RETRY_CAP_MS = 5000;
/** Without a wake: commits of other replicas whose notification was lost, and a lease that was won. */
const IDLE_POLL_MS = 1000;
/**
 * Batches begin at least this far apart while changes follow each other closely: what is committed meanwhile shares the
 * statements of the next one. A change after a pause waits for nothing.
 */
const BATCH_GAP_MS = 20;
/**
 * Digests in the bucket are at least this far apart: every edge reads each of them. A leader that is killed in between
 * leaves a digest that lacks so much, and the next leader publishes again what lies in the same buckets of the digest.
 */
const DIGEST_GAP_MS = 100;
/** Digests are 25 to 35 s apart, so that replicas and edges do not fall into step. */
const DIGEST_MS = 30_000;

/** Starts publishing; see {@link OutboxPublisher}. */
export function createPublisher(deps: PublisherDependencies): Publisher {
  return new OutboxPublisher(deps);
}

/**
 * One loop: while this replica leads and the bus is connected, publish what the outbox holds, newest
 * form of each document only, then store the digest. A row leaves the outbox after JetStream has
 * confirmed its document, so each is published at least once. Two versions of one document are never
 * under way at the same time, which keeps the order.
 */
class OutboxPublisher implements Publisher {
  readonly #deps: PublisherDependencies;
  readonly #bell = createDoorbell();
  /** Between retries; rung by `close` alone. */
  readonly #pause = createDoorbell();
  readonly #connection: { unsubscribe(): void };
  readonly #running: Promise<void>;
  /** Known while this replica leads. */
  #published: PublishedDocuments | null = null;
  /** Whether the bucket was compared since the last connection or failure. */
  #bucketChecked = false;
  /** Whether what it holds was counted since the last connection: a server that restarts may have lost some of it. */
  #bucketCounted = false;
  /** Keys that the bucket lacks. */
  readonly #missing = new Set<string>();
  /** Keys that the bus cannot take; asked again after the next check of the bucket. */
  readonly #refused = new Set<string>();
  #digestStored = false;
  /** All is published, and its digest is stored when the gap is over. */
  #digestWaits = false;
  /** When a digest was last stored, and when a batch last began; monotonic. */
  #digestMs = -Infinity;
  #batchMs = -Infinity;
  #digestDueMs = 0;
  #closed = false;

  constructor(deps: PublisherDependencies) {
    this.#deps = deps;
    this.#connection = deps.bus.onConnection((connected) => {
      this.#bucketChecked = false;
      this.#bucketCounted = false;
      if (connected) this.#bell.ring();
    });
    this.#running = this.#run();
  }

  wake(): void {
    this.#bell.ring();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#connection.unsubscribe();
    this.#bell.ring();
    this.#pause.ring();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { random, clock } = this.#deps;
    for (let attempt = 0; !this.#closed;) {
      const waitMs = await this.#step().catch((error: unknown) => {
        this.#deps.observer.onFailure('publisher', error);
        return null;
      });
      if (waitMs !== null) {
        attempt = 0;
        if (waitMs === 0) continue;
        await this.#bell.wait(waitMs);
        const gapMs = this.#batchMs + BATCH_GAP_MS - clock.monotonicMs();
        if (gapMs > 0) await this.#pause.wait(gapMs);
      } else {
        // A wake must not cut this short, or a flood of commits would hammer a sick server.
        await this.#pause.wait(fullJitterMs(random, attempt, RETRY_BASE_MS, RETRY_CAP_MS));
        attempt += 1;
      }
    }
    await this.#leaveDigest();
  }

  /** Does one batch. Returns how long to wait at most before the next; null after a failure. */
  async #step(): Promise<number | null> {
    const { lease, bus } = this.#deps;
    if (!lease.held) {
      this.#published = null;
      this.#bucketChecked = false;
      return IDLE_POLL_MS;
    }
    if (!bus.connected) return IDLE_POLL_MS;
    const published = (this.#published ??= await this.#loadPublished());
    if (!this.#bucketChecked && !(await this.#checkBucket(published))) return null;
    // The outbox goes first: what somebody has just changed waits for no repair.
    const { outbox } = this.#deps;
    const pending = await outbox.pendingDocuments(BATCH_KEYS, [...this.#refused]);
    if (pending.length > 0) {
      if (!(await this.#publish(published, pending))) return null;
      // Whatever is committed from now on rings the bell.
      if (pending.length === BATCH_KEYS) return 0;
    }
    if (this.#missing.size > 0) {
      const documents = await outbox.documents([...this.#missing].slice(0, BATCH_KEYS));
      return (await this.#publish(published, documents)) ? 0 : null;
    }
    return this.#tellDigest(published);
  }

  async #loadPublished(): Promise<PublishedDocuments> {
    const { outbox } = this.#deps;
    this.#missing.clear();
    return new PublishedDocuments(await outbox.epoch(), await outbox.entries());
  }

  /** Makes sure that the bucket is there, and finds out what it lacks: it may be new or rewound. */
  async #checkBucket(published: PublishedDocuments): Promise<boolean> {
    const { target, bus, observer } = this.#deps;
    const made = await target.ensureBucket();
    if (!made.ok) {
      observer.onFailure(`bucket: ${made.reason}`, made.detail);
      return false;
    }
    const stored = await readStoredDigest(bus, { counts: !this.#bucketCounted });
    if (stored === 'unknown') return false;
    const missing = published.missingFrom(stored === 'missing' ? null : stored);
    for (const key of missing) this.#missing.add(key);
    if (missing.length > 0) observer.onRepublish(missing.length);
    this.#digestStored = stored !== 'missing' && missing.length === 0;
    this.#refused.clear();
    this.#bucketChecked = true;
    this.#bucketCounted = true;
    return true;
  }

  async #publish(
    published: PublishedDocuments,
    documents: readonly BuiltDocument[],
  ): Promise<boolean> {
    const { outbox, clock, observer } = this.#deps;
    this.#batchMs = clock.monotonicMs();
    this.#digestWaits = false;
    const done: BuiltDocument[] = [];
    let failures = 0;
    for (const step of publishSteps(documents)) {
      const queue = step.values();
      const worker = async () => {
        for (const document of queue) {
          // After the lease is lost another replica may be at it with something newer.
          if (failures > 0 || !this.#deps.lease.held) return;
          const outcome = await this.#put(document);
          if (outcome === 'published') done.push(document);
          else if (outcome === 'failed') failures += 1;
        }
      };
      await Promise.all(Array.from({ length: PUTS_AT_ONCE }, worker));
    }
    for (const document of done) {
      published.note(document);
      this.#missing.delete(document.key);
      this.#digestStored = false;
      observer.onPublished(document);
    }
    const nowMs = clock.nowMs();
    const committed = await outbox.markPublished(done, new Date(nowMs));
    observer.onDelivered(committed.map((at) => Math.max(0, nowMs - at.getTime())));
    if (failures > 0) this.#bucketChecked = false;
    return failures === 0;
  }

  async #put(document: BuiltDocument): Promise<'published' | 'refused' | 'failed'> {
    const outcome = await this.#deps.target.put(publishedHeader(document), document.body);
    if (outcome.ok) return 'published';
    this.#deps.observer.onFailure(`${document.key}: ${outcome.reason}`, outcome.detail);
    if (outcome.reason !== 'too-large') return 'failed';
    // The server's bound was lowered after the write was accepted; others must not wait for this one.
    this.#refused.add(document.key);
    this.#missing.delete(document.key);
    return 'refused';
  }

  /**
   * Stores the digest after the documents that it covers, and broadcasts it now and then. Returns how long to wait at most
   * before the next step; null after a failure.
   */
  async #tellDigest(published: PublishedDocuments): Promise<number | null> {
    const { target, lease, clock, random, forgetOld } = this.#deps;
    if (!lease.held) return 0; // another replica may have stored a newer one
    if (!this.#digestStored) {
      const gapMs = this.#digestMs + DIGEST_GAP_MS - clock.monotonicMs();
      this.#digestWaits = gapMs > 0;
      if (this.#digestWaits) return gapMs;
      if (!(await this.#storeDigest(published))) {
        this.#bucketChecked = false;
        return null;
      }
    }
    if (clock.monotonicMs() < this.#digestDueMs) return IDLE_POLL_MS;
    this.#digestDueMs = clock.monotonicMs() + DIGEST_MS * (5 / 6 + random.next() / 3);
    target.broadcastDigest(published.digest());
    // Compared again before the next batch: a bucket can vanish behind a connection that stays.
    this.#bucketChecked = false;
    await forgetOld();
    return IDLE_POLL_MS;
  }

  /** So that the next leader does not publish again what this one has published. */
  async #leaveDigest(): Promise<void> {
    const { lease, bus } = this.#deps;
    if (!this.#digestWaits || !this.#bucketChecked || !lease.held || !bus.connected) return;
    if (this.#published !== null) await this.#storeDigest(this.#published);
  }

  async #storeDigest(published: PublishedDocuments): Promise<boolean> {
    const { target, clock } = this.#deps;
    this.#digestMs = clock.monotonicMs();
    this.#digestStored = (await target.putDigest(published.digest())).ok;
    return this.#digestStored;
  }
}
