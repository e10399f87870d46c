import { fullJitterMs, type Clock, type Random } from '@headgate/runtime';
import { createBucketWatch, type BucketWatch, type WatchEnd } from './bucket-watch.ts';
import type { Bus, Subscription } from './bus.ts';
import { DigestMessage } from './config-digest.ts';
import { repairBuckets, requestDigest, type RepairOutcome } from './config-repair.ts';
import {
  decodeDocument,
  type DocumentRejection,
  type ReceivedDocument,
} from './document-envelope.ts';
import { HeldDocuments } from './held-documents.ts';
import { parseMessage } from './parse-message.ts';
import { CONFIG_BUCKET, DIGEST_KEY, subjects } from './subjects.ts';
import { createWakeableSleep } from './wakeable-sleep.ts';

/** Callbacks of {@link createConfigFeed}. Exceptions are counted by the bus and change nothing. */
export interface ConfigFeedHandlers {
  /** A live document newer than what was held. Its body is valid during the call: copy to keep, as {@link bodyText} does. */
  onDocument(document: ReceivedDocument): void;
  /** A document is gone: a deletion was published ('deleted'), or the database lacks it ('absent'). */
  onRemoved(key: string, revision: number, why: 'deleted' | 'absent'): void;
  /** Bytes under `key` were no usable document; what was held stays. */
  onRejected?(key: string, reason: DocumentRejection | 'too-many'): void;
  /** All documents of the newest digest are held, for the first time: every one up to `revision`. */
  onSynced?(revision: number): void;
  onEvent?(event: ConfigFeedEvent): void;
}

/** What happens in a feed, for logs and counters. */
export type ConfigFeedEvent =
  | { readonly type: 'watch-ended'; readonly end: WatchEnd }
  | { readonly type: 'watch-started'; readonly fromStart: boolean }
  /** Nothing came for `silenceMsMax`; the watch is made anew. */
  | { readonly type: 'silent' }
  /** What is held differs from the newest digest in so many of 64 buckets. */
  | { readonly type: 'behind'; readonly buckets: number }
  | { readonly type: 'repaired'; readonly outcome: RepairOutcome }
  /** Somebody speaks for another database; it is not listened to. */
  | { readonly type: 'foreign-epoch'; readonly epoch: string }
  | { readonly type: 'bad-digest'; readonly reason: string };

/** Options of {@link createConfigFeed}; times in ms. */
export interface ConfigFeedOptions {
  /** Documents that the consumer has already, for example from its disk. */
  readonly held?: Iterable<readonly [key: string, revision: number]>;
  /** The database to listen to. Default: that of the first digest heard. */
  readonly epoch?: string;
  /** Live documents, at most. Default 200,000. */
  readonly documentsMax?: number;
  /** Silence after which the watch is made anew. Default 90,000: three digests. */
  readonly silenceMsMax?: number;
  /** Time for documents on their way to arrive before a difference counts. Default 1000. */
  readonly repairGraceMs?: number;
  /** A check after connecting waits a random time up to this. Default 2000. */
  readonly checkJitterMs?: number;
}

/** State of a feed. */
export interface ConfigFeedStatus {
  /** All documents of the newest digest known are held. */
  readonly synced: boolean;
  /** Highest revision seen. */
  readonly revision: number;
  /** Live documents. */
  readonly documents: number;
  /** When the last message came, ms since the epoch; null before the first. */
  readonly lastMessageAt: number | null;
  readonly connected: boolean;
  /** The database listened to; null until known. */
  readonly epoch: string | null;
}

/** The configuration as it comes over the bus. Whoever creates it closes it. */
export interface ConfigFeed {
  status(): ConfigFeedStatus;
  /** Asks for the newest digest now, and repairs what differs. Resolves when asked and compared. */
  checkDigest(): Promise<void>;
  close(): Promise<void>;
}

const TOMBSTONES_MAX = 100_000;
const REPAIR_BASE_MS = 500;
const REPAIR_CAP_MS = 60_000;
/** Longest wait of a repair for the watch, should what is stored grow as fast as it is read. */
const READING_MS_MAX = 60_000;
/** The same between two entries. */
const READING_GAP_MS_MAX = 3000;

/**
 * Follows the configuration: documents come through the KV bucket, and digests tell whether all
 * have come; what is missing is fetched from the config-service, or failing that from the bucket
 * once more. Only newer revisions are handed on. A bucket that is missing, emptied, rewound or
 * foreign deletes nothing.
 */
export function createConfigFeed(
  bus: Bus,
  deps: { readonly clock: Clock; readonly random: Random },
  handlers: ConfigFeedHandlers,
  options: ConfigFeedOptions = {},
): ConfigFeed {
  return new Feed(bus, deps, handlers, options);
}

class Feed implements ConfigFeed {
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #handlers: ConfigFeedHandlers;
  readonly #graceMs: number;
  readonly #held: HeldDocuments;
  readonly #watch: BucketWatch;
  readonly #subscriptions: readonly Subscription[];
  readonly #silenceTimer: NodeJS.Timeout;
  readonly #repairSleep = createWakeableSleep();
  #checkTimer: NodeJS.Timeout | null = null;
  #repairing: Promise<void> | null = null;
  #newest: DigestMessage | null = null;
  #epoch: string | null;
  /** The watch has yet to hand over what was stored when it began. */
  #reading = false;
  /** When the watch began or handed over an entry, whatever was later. */
  #readMonotonicMs = 0;
  #synced = false;
  #everSynced = false;
  #lastMessageAt: number | null = null;
  #lastMessageMonotonicMs: number;
  #closed = false;

  constructor(
    bus: Bus,
    deps: { readonly clock: Clock; readonly random: Random },
    handlers: ConfigFeedHandlers,
    options: ConfigFeedOptions,
  ) {
    this.#bus = bus;
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#handlers = handlers;
    this.#graceMs = options.repairGraceMs ?? 1000;
    this.#epoch = options.epoch ?? null;
    this.#lastMessageMonotonicMs = deps.clock.monotonicMs();
    this.#held = new HeldDocuments({
      liveMax: options.documentsMax ?? 200_000,
      deletedMax: TOMBSTONES_MAX,
    });
    for (const [key, revision] of options.held ?? []) this.#held.hold(key, revision, false);
    const silenceMsMax = options.silenceMsMax ?? 90_000;
    this.#silenceTimer = setInterval(() => this.#checkSilence(silenceMsMax), silenceMsMax / 4);
    this.#watch = createBucketWatch(bus, deps, CONFIG_BUCKET, {
      onEntry: ({ key, value, deleted }) => {
        this.#heard();
        this.#readMonotonicMs = this.#lastMessageMonotonicMs;
        // Markers of deletion are not ours: documents are deleted by documents that say so.
        if (deleted) return;
        if (key === DIGEST_KEY) this.#onDigestBytes(value);
        else this.#receive(key, value);
      },
      onCaughtUp: () => {
        this.#reading = false;
        this.#evaluate();
      },
      onRunStarted: (fromStart) => {
        this.#reading = true;
        this.#readMonotonicMs = deps.clock.monotonicMs();
        this.#emit({ type: 'watch-started', fromStart });
      },
      onRunEnded: (end) => {
        this.#reading = false;
        this.#emit({ type: 'watch-ended', end });
      },
      admit: { key: DIGEST_KEY, accepts: (value) => this.#isOurBucket(value) },
    });
    this.#subscriptions = [
      bus.subscribe(subjects.configDigest, ({ data }) => {
        this.#heard();
        this.#onDigestBytes(data);
      }),
      bus.onConnection((connected) => {
        if (connected) this.#scheduleCheck(options.checkJitterMs ?? 2000);
      }),
    ];
  }

  status(): ConfigFeedStatus {
    return {
      synced: this.#synced,
      revision: this.#held.highestRevision,
      documents: this.#held.size,
      lastMessageAt: this.#lastMessageAt,
      connected: this.#bus.connected,
      epoch: this.#epoch,
    };
  }

  async checkDigest(): Promise<void> {
    if (this.#repairing !== null) this.#repairSleep.wake();
    const digest = await requestDigest(this.#bus);
    if (this.#closed) return;
    if (digest === null) return this.#evaluate();
    this.#heard();
    this.#onDigest(digest);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#silenceTimer);
    if (this.#checkTimer !== null) clearTimeout(this.#checkTimer);
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    this.#repairSleep.wake();
    await this.#watch.close();
    await this.#repairing;
  }

  /** The digest in the bucket tells whose bucket it is. */
  #isOurBucket(value: Uint8Array | null): boolean {
    if (value === null) return true;
    const digest = parseMessage(DigestMessage, value);
    return !digest.ok || this.#isOurs(digest.value);
  }

  #receive(key: string, bytes: Uint8Array): void {
    if (this.#closed) return;
    const decoded = decodeDocument(bytes, key);
    if (!decoded.ok) return this.#reject(key, decoded.reason);
    const { document } = decoded;
    const { header } = document;
    const outcome = this.#held.hold(document.key, header.revision, header.deleted);
    if (outcome === 'full') return this.#reject(key, 'too-many');
    if (outcome === 'stale') return;
    this.#bus.guard.run('config feed consumer', () => {
      if (header.deleted) this.#handlers.onRemoved(key, header.revision, 'deleted');
      else this.#handlers.onDocument(document);
    });
    // The digest may have come before the last of its documents.
    const awaited = this.#newest?.revision ?? Infinity;
    if (!this.#synced && this.#held.highestRevision >= awaited) this.#evaluate();
  }

  #reject(key: string, reason: DocumentRejection | 'too-many'): void {
    this.#bus.guard.run('onRejected', () => this.#handlers.onRejected?.(key, reason));
  }

  #onDigestBytes(bytes: Uint8Array): void {
    const digest = parseMessage(DigestMessage, bytes);
    if (digest.ok) this.#onDigest(digest.value);
    else this.#emit({ type: 'bad-digest', reason: digest.reason });
  }

  #onDigest(digest: DigestMessage): void {
    if (this.#noteDigest(digest)) this.#evaluate();
  }

  /** Answers and broadcasts can overtake each other, so an older digest never replaces a newer one. */
  #noteDigest(digest: DigestMessage): boolean {
    if (!this.#isOurs(digest)) return false;
    if (this.#newest !== null && digest.revision < this.#newest.revision) return false;
    this.#newest = digest;
    return true;
  }

  #isOurs(digest: DigestMessage): boolean {
    this.#epoch ??= digest.epoch;
    if (digest.epoch === this.#epoch) return true;
    this.#emit({ type: 'foreign-epoch', epoch: digest.epoch });
    return false;
  }

  /** Compares what is held with the newest digest, and begins a repair if it differs. */
  #evaluate(): void {
    const newest = this.#newest;
    if (newest === null || this.#closed) return;
    if (this.#held.digest.differences(newest).length === 0) {
      this.#synced = true;
      if (this.#everSynced) return;
      this.#everSynced = true;
      this.#bus.guard.run('onSynced', () => this.#handlers.onSynced?.(newest.revision));
      return;
    }
    // Documents newer than the digest make every comparison fail; the next digest will tell.
    if (this.#held.highestRevision > newest.revision) return;
    this.#synced = false;
    this.#repairing ??= this.#repair().finally(() => (this.#repairing = null));
  }

  /** Repairs, again and again with growing waits, until nothing differs. One at a time. */
  async #repair(): Promise<void> {
    for (let attempt = 0; !this.#closed; attempt++) {
      const waitMs = fullJitterMs(this.#random, attempt, REPAIR_BASE_MS, REPAIR_CAP_MS);
      await this.#repairSleep.sleep(this.#graceMs + (attempt === 0 ? 0 : waitMs));
      await this.#untilRead();
      const newest = this.#newest;
      if (this.#closed || newest === null) return;
      const buckets = this.#held.digest.differences(newest);
      if (buckets.length === 0) return this.#evaluate();
      if (this.#held.highestRevision > newest.revision) return;
      this.#emit({ type: 'behind', buckets: buckets.length });
      const outcome = await this.#repairOnce(newest.epoch, buckets);
      this.#emit({ type: 'repaired', outcome });
      this.#compareAfterRepair();
      if (this.#synced) return;
    }
  }

  /**
   * A watch that still reads brings most of what differs by itself. To ask for it would fetch everything twice, and keep
   * the config-service busy when a whole cluster of edges starts on machines that have no time.
   */
  async #untilRead(): Promise<void> {
    const untilMs = this.#clock.monotonicMs() + READING_MS_MAX;
    while (this.#bringsMore() && !this.#closed && this.#clock.monotonicMs() < untilMs) {
      await this.#repairSleep.sleep(this.#graceMs);
    }
  }

  /** Whether the watch still reads. One that brings nothing has met messages that the server announces and cannot read. */
  #bringsMore(): boolean {
    const silentMs = this.#clock.monotonicMs() - this.#readMonotonicMs;
    return this.#reading && silentMs < READING_GAP_MS_MAX;
  }

  async #repairOnce(epoch: string, buckets: readonly number[]): Promise<RepairOutcome> {
    const target = {
      held: this.#held,
      receive: (key: string, bytes: Uint8Array) => this.#receive(key, bytes),
      removeAbsent: (key: string, revision: number) => this.#removeAbsent(key, revision),
    };
    const outcome = await repairBuckets(this.#bus, target, epoch, buckets);
    if (outcome === 'no-answer' && this.#bus.connected) this.#watch.restart(true);
    // Repairs may go past the digest that started them; only a newer one can confirm them.
    if (outcome === 'done') {
      const digest = await requestDigest(this.#bus);
      if (digest !== null) this.#noteDigest(digest);
    }
    return outcome;
  }

  #compareAfterRepair(): void {
    const newest = this.#newest;
    if (newest !== null && this.#held.digest.differences(newest).length === 0) this.#evaluate();
  }

  #removeAbsent(key: string, revision: number): void {
    if (this.#closed || this.#held.hold(key, revision, true) !== 'new') return;
    this.#bus.guard.run('config feed consumer', () =>
      this.#handlers.onRemoved(key, revision, 'absent'),
    );
  }

  #scheduleCheck(jitterMs: number): void {
    if (this.#checkTimer !== null) clearTimeout(this.#checkTimer);
    const waitMs = this.#random.next() * jitterMs;
    const check = () => {
      // A watch that still reads brings the stored digest by itself, and another costs the config-service a look at all.
      if (this.#bringsMore()) this.#checkTimer = setTimeout(check, this.#graceMs + waitMs);
      else this.#bus.guard.run('checkDigest', () => this.checkDigest());
    };
    this.#checkTimer = setTimeout(check, waitMs);
  }

  #checkSilence(silenceMsMax: number): void {
    const quietMs = this.#clock.monotonicMs() - this.#lastMessageMonotonicMs;
    if (!this.#bus.connected || quietMs < silenceMsMax) return;
    this.#emit({ type: 'silent' });
    this.#lastMessageMonotonicMs = this.#clock.monotonicMs();
    this.#watch.restart(false);
    this.#scheduleCheck(0);
  }

  #heard(): void {
    this.#lastMessageAt = this.#clock.nowMs();
    this.#lastMessageMonotonicMs = this.#clock.monotonicMs();
  }

  #emit(event: ConfigFeedEvent): void {
    this.#bus.guard.run('onEvent', () => this.#handlers.onEvent?.(event));
  }
}
