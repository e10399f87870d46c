import { AckPolicy, DeliverPolicy, nanos, type NatsConnection } from 'nats';
import { fullJitterMs, type Random } from '@headgate/runtime';
import type { Bus } from './bus.ts';
import { jetStreamFault, type JetStreamFault } from './jetstream-error.ts';
import { pullMessages, type PullEnd } from './pull-messages.ts';
import { readValue } from './read-value.ts';
import { whileConnected } from './while-connected.ts';
import { createWakeableSleep } from './wakeable-sleep.ts';

/** A value or a marker of deletion in a KV bucket. */
export interface BucketEntry {
  readonly key: string;
  /** A view that is valid during the callback; copy to keep. Empty for a deletion. */
  readonly value: Uint8Array;
  readonly deleted: boolean;
}

/** Why a run of a watch ended. */
export type WatchEnd = PullEnd | JetStreamFault | 'not-admitted';

/** Callbacks of {@link createBucketWatch}. */
export interface BucketWatchHandlers {
  onEntry(entry: BucketEntry): void;
  /** Everything that was stored when this run began has been handed over. */
  onCaughtUp?(): void;
  /** Something came from the server. */
  onRunStarted?(fromStart: boolean): void;
  /** A run ended; the next follows by itself after a wait with full jitter. */
  onRunEnded?(end: WatchEnd): void;
  /** Asked before each run about the present value of `key`; false postpones the run. */
  readonly admit?: {
    readonly key: string;
    accepts(value: Uint8Array | null): boolean;
  };
}

/** A watch that is always running or about to. Whoever creates it closes it. */
export interface BucketWatch {
  /** Ends the present run and starts a new one at once; `fromStart` reads the whole bucket again. */
  restart(fromStart: boolean): void;
  close(): Promise<void>;
}

const RETRY_BASE_MS = 50;
const RETRY_CAP_MS = 5000;
/** How long the server keeps a consumer that nobody pulls from. */
const CONSUMER_INACTIVE_MS = 30_000;

/**
 * Watches a KV bucket from its beginning and never gives up: while there is no connection or no
 * bucket it waits for one. A new run goes on after the last entry seen, unless the bucket was
 * deleted, created anew or rewound in between; then it reads all of it. Entries can therefore come
 * twice; none that is in the bucket is left out.
 */
export function createBucketWatch(
  bus: Bus,
  deps: { readonly random: Random },
  bucket: string,
  handlers: BucketWatchHandlers,
): BucketWatch {
  return new Watch(bus, deps.random, bucket, handlers);
}

interface PreparedConsumer {
  readonly name: string;
  /** Messages waiting for it. */
  readonly pending: number;
  readonly fromStart: boolean;
}

class Watch implements BucketWatch {
  readonly #bus: Bus;
  readonly #random: Random;
  readonly #bucket: string;
  readonly #stream: string;
  readonly #prefix: string;
  readonly #handlers: BucketWatchHandlers;
  readonly #sleep = createWakeableSleep();
  readonly #loop: Promise<void>;
  readonly #unlisten: () => void;
  #run = new AbortController();
  /** Which stream `#lastSequence` belongs to: its time of creation. */
  #incarnation = '';
  #lastSequence = 0;
  #attempt = 0;
  #closed = false;

  constructor(bus: Bus, random: Random, bucket: string, handlers: BucketWatchHandlers) {
    this.#bus = bus;
    this.#random = random;
    this.#bucket = bucket;
    this.#stream = `KV_${bucket}`;
    this.#prefix = `$KV.${bucket}.`;
    this.#handlers = handlers;
    const subscription = bus.onConnection(() => this.restart(false));
    this.#unlisten = () => subscription.unsubscribe();
    this.#loop = this.#runForEver();
  }

  restart(fromStart: boolean): void {
    if (fromStart) this.#lastSequence = 0;
    this.#attempt = 0;
    this.#run.abort();
    this.#sleep.wake();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#unlisten();
    this.restart(false);
    await this.#loop;
  }

  async #runForEver(): Promise<void> {
    while (!this.#closed) {
      this.#run = new AbortController();
      const end = await this.#runOnce(this.#run.signal);
      if (this.#closed) return;
      this.#call('onRunEnded', () => this.#handlers.onRunEnded?.(end));
      if (end === 'stopped') continue;
      const waitMs = fullJitterMs(this.#random, this.#attempt, RETRY_BASE_MS, RETRY_CAP_MS);
      this.#attempt += 1;
      await this.#sleep.sleep(waitMs);
    }
  }

  async #runOnce(signal: AbortSignal): Promise<WatchEnd> {
    const client = this.#bus.connection();
    if (client === null) return 'disconnected';
    try {
      const consumer = await whileConnected(this.#bus, this.#prepare(client));
      if (consumer === null) return 'not-admitted';
      if (signal.aborted) return 'stopped';
      this.#call('onRunStarted', () => this.#handlers.onRunStarted?.(consumer.fromStart));
      let caughtUp = consumer.pending === 0;
      if (caughtUp) this.#call('onCaughtUp', () => this.#handlers.onCaughtUp?.());
      const source = { stream: this.#stream, name: consumer.name };
      return await pullMessages(
        client,
        source,
        (message) => {
          this.#attempt = 0;
          this.#lastSequence = Math.max(this.#lastSequence, message.sequence);
          const key = message.subject.slice(this.#prefix.length);
          const deleted = message.operation !== '';
          this.#call('onEntry', () =>
            this.#handlers.onEntry({ key, value: message.data, deleted }),
          );
          if (caughtUp || message.pending > 0) return;
          caughtUp = true;
          this.#call('onCaughtUp', () => this.#handlers.onCaughtUp?.());
        },
        signal,
      );
    } catch (error) {
      return jetStreamFault(error);
    }
  }

  /** Creates the consumer of a run, on the server; null if the bucket is not admitted. */
  async #prepare(client: NatsConnection): Promise<PreparedConsumer | null> {
    const manager = await client.jetstreamManager({ checkAPI: false, timeout: 3000 });
    const info = await manager.streams.info(this.#stream);
    // Read even if nobody asks: the answer shows that the stream is complete (see `readValue`).
    const { admit } = this.#handlers;
    const value = await readValue(client, this.#bucket, admit?.key ?? 'any');
    if (admit?.accepts(value) === false) return null;
    const sameStream = info.created === this.#incarnation;
    if (!sameStream || info.state.last_seq < this.#lastSequence) this.#lastSequence = 0;
    this.#incarnation = info.created;
    const fromStart = this.#lastSequence === 0;
    const consumer = await manager.consumers.add(this.#stream, {
      ack_policy: AckPolicy.None,
      inactive_threshold: nanos(CONSUMER_INACTIVE_MS),
      mem_storage: true,
      num_replicas: 1,
      // All there is, and not the last of each subject: that is the same in a bucket without history, and finding them costs the
      // server as much again as handing 100,000 out. Where somebody has given it a history, older revisions come first.
      ...(fromStart
        ? { deliver_policy: DeliverPolicy.All }
        : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: this.#lastSequence + 1 }),
    });
    return { name: consumer.name, pending: consumer.num_pending, fromStart };
  }

  #call(where: string, callback: () => unknown): void {
    this.#bus.guard.run(`${this.#stream} ${where}`, callback);
  }
}
