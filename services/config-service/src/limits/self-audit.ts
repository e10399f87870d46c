import type { LimitUsage } from '@headgate/bus';
import { SlottedCount } from './slotted-count.ts';

/** More than a limit allows was admitted. */
export interface LimitExcess {
  readonly admitted: number;
  readonly allowed: number;
  readonly spanMs: number;
  /** Some of it was admitted without the store, where up to twice the limit in the window of the loss is promised. */
  readonly cause: 'store_lost' | 'unexplained';
}

/**
 * What clocks of edges may differ by, and what a report covers, in ms: admissions reported for a span may have happened in
 * one that is longer by this. Only what is too much for the longer one is an excess.
 */
const SLACK_MS = 3000;

/** Spans are at least this long, so that limits per second can be judged too. */
const SPAN_MS_MIN = 60_000;

/**
 * Bytes are taken in advance, and what is not used may be told of as given back after somebody else has told that he took it: the
 * moments at which workers count lie up to 2 s apart. Only what is too much for this long, in ms, is an excess of bytes.
 */
const BYTES_SETTLE_MS = 5000;

const SLOTS = 64;

/** A counter that does not move for this long, while requests pass, is stuck. */
const STUCK_MS = 10_000;

/** Compares what all edges report of one limit with what the limit allows. Of slots it only sees whether they move. */
export class SelfAudit {
  /** The counter admits and stays as it was. */
  isStuck = false;
  readonly #spanMs: number;
  #admitted: SlottedCount;
  #alone: SlottedCount;
  #limit: number;
  #capacity: number;
  #quietUntilMs = 0;
  #excessSinceMs: number | null = null;
  #stillSinceMs: number | null = null;

  constructor({ spanMs, limit, capacity }: LimitUsage) {
    this.#spanMs = Math.max(spanMs, SPAN_MS_MIN) - SLACK_MS;
    this.#limit = limit;
    this.#capacity = capacity;
    this.#admitted = this.#newCount();
    this.#alone = this.#newCount();
  }

  /** Adds a report; answers what is wrong, at most once per span. */
  add(usage: LimitUsage, atMs: number): LimitExcess | null {
    this.#watchMovement(usage, atMs);
    if (usage.limit !== this.#limit || usage.capacity !== this.#capacity) this.#begin(usage);
    this.#admitted.add(atMs, usage.admitted);
    this.#alone.add(atMs, usage.alone);
    const allowed = allowedIn(this.#spanMs + SLACK_MS, usage);
    const admitted = this.#admitted.sum(atMs, this.#spanMs);
    this.#excessSinceMs = admitted <= allowed ? null : (this.#excessSinceMs ?? atMs);
    if (this.#excessSinceMs === null || atMs < this.#quietUntilMs) return null;
    if (usage.unit !== 'requests' && atMs - this.#excessSinceMs < BYTES_SETTLE_MS) return null;
    this.#quietUntilMs = atMs + this.#spanMs;
    const cause = this.#alone.sum(atMs, this.#spanMs) > 0 ? 'store_lost' : 'unexplained';
    return { admitted, allowed, spanMs: this.#spanMs, cause };
  }

  /** Another limit: what was admitted before was allowed by the old one. */
  #begin({ limit, capacity }: LimitUsage): void {
    this.#limit = limit;
    this.#capacity = capacity;
    this.#admitted = this.#newCount();
    this.#alone = this.#newCount();
    this.#excessSinceMs = null;
  }

  /** After an admission that the store counted less than everything is left. */
  #watchMovement({ admitted, alone, remaining, capacity }: LimitUsage, atMs: number): void {
    if (remaining === null || admitted <= alone) return;
    if (remaining < capacity) this.#stillSinceMs = null;
    else this.#stillSinceMs ??= atMs;
    this.isStuck = this.#stillSinceMs !== null && atMs - this.#stillSinceMs >= STUCK_MS;
  }

  #newCount(): SlottedCount {
    return new SlottedCount(Math.max(1000, Math.ceil(this.#spanMs / (SLOTS - 1))), SLOTS);
  }
}

/** The most that a limit admits in any time of this length. */
function allowedIn(lengthMs: number, { kind, limit, capacity, spanMs }: LimitUsage): number {
  switch (kind) {
    case 'window':
      return limit * Math.ceil(lengthMs / spanMs);
    case 'rate':
      return capacity + (limit * lengthMs) / spanMs;
    case 'quota':
      // Parts of two periods and all between them; a month may have 28 days, a day 23 hours.
      return limit * (Math.ceil(lengthMs / (spanMs * 0.93)) + 1);
    case 'concurrency':
      return Infinity;
  }
}
