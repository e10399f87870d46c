import type { LimitUsage, LimitUsageReport } from '@headgate/bus';
import { BoundedMap, type Clock } from '@headgate/runtime';
import { isNearOrReached, NearState, type LimitEventKind } from './near-state.ts';
import { STALE_MS } from './limit-watch.ts';

/** Events that can be read. */
export const EVENTS_KEPT_MAX = 1000;

/** Limits that are near or reached, remembered; some 200 bytes each. */
const STATES_MAX = 10_000;

/** Events told in a second, in all and of one tenant, or of all pools; the rest is counted. */
const PER_SECOND_MAX = 50;
const PER_SECOND_OF_TENANT_MAX = 10;

/** A limit is nearly used up, or has begun to refuse. */
export interface LimitEvent extends Pick<
  LimitUsage,
  'tenantId' | 'level' | 'scope' | 'name' | 'kind' | 'unit' | 'shadow' | 'limit' | 'capacity'
> {
  readonly event: LimitEventKind;
  /** When it was heard, ms since the epoch. */
  readonly atMs: number;
  /** Units used over all edges; null if the edge that refused did not know. */
  readonly used: number | null;
  /** `used` in whole hundredths of `capacity`. */
  readonly percent: number | null;
}

/** Whom {@link LimitEvents} tells. */
export interface LimitEventsObserver {
  /** Of each event, also of those that are not told one by one. */
  onCount(event: LimitEventKind): void;
  onEvent(event: LimitEvent): void;
  /** So many were not told one by one, in one second. */
  onLeftOut(count: number): void;
}

/**
 * Tells once when a limit of a tenant, key, route or pool is nearly used up, and once when it refuses, from what edges report.
 * Limits `per` somebody are left out. Each replica of the config-service does so for itself, in memory.
 */
export class LimitEvents {
  readonly #clock: Clock;
  readonly #observer: LimitEventsObserver;
  readonly #states = new BoundedMap<string, NearState>(STATES_MAX);
  /** Oldest first. */
  readonly #kept: LimitEvent[] = [];
  #second = 0;
  #leftOut = 0;
  #told = 0;
  readonly #toldOfTenant = new Map<string, number>();

  constructor(deps: { readonly clock: Clock; readonly observer: LimitEventsObserver }) {
    this.#clock = deps.clock;
    this.#observer = deps.observer;
  }

  /** Limits that are near or reached, or were a moment ago. */
  get size(): number {
    return this.#states.size;
  }

  receive({ entries, atMs }: LimitUsageReport): void {
    if (Math.abs(this.#clock.nowMs() - atMs) > STALE_MS) return;
    this.#beginSecond();
    for (const usage of entries) {
      if (usage.consumer === null) this.#look(usage);
    }
  }

  /** What was told of these tenants, newest first. */
  *list(isVisible: (tenantId: string) => boolean): Generator<LimitEvent> {
    for (const event of this.#kept.toReversed()) {
      if (isVisible(event.tenantId)) yield event;
    }
  }

  #look(usage: LimitUsage): void {
    const { tenantId, level, scope, name, kind, unit, shadow, spanMs } = usage;
    const key = JSON.stringify([tenantId, level, scope, name, kind, unit, shadow, spanMs]);
    const nowMs = this.#clock.monotonicMs();
    let state = this.#states.get(key);
    if (state?.isOver(nowMs) === true) {
      this.#states.delete(key);
      state = undefined;
    }
    if (state === undefined) {
      if (!isNearOrReached(usage)) return;
      state = new NearState(usage);
    }
    this.#states.set(key, state); // moves it to the young end
    const event = state.add(usage, nowMs);
    if (event !== null) this.#tell(event, usage);
  }

  #tell(event: LimitEventKind, usage: LimitUsage): void {
    this.#observer.onCount(event);
    const ofTenant = this.#toldOfTenant.get(usage.tenantId) ?? 0;
    if (this.#told >= PER_SECOND_MAX || ofTenant >= PER_SECOND_OF_TENANT_MAX) {
      this.#leftOut += 1;
      return;
    }
    this.#told += 1;
    this.#toldOfTenant.set(usage.tenantId, ofTenant + 1);
    const told = eventOf(event, usage, this.#clock.nowMs());
    this.#kept.push(told);
    if (this.#kept.length > EVENTS_KEPT_MAX) this.#kept.shift();
    this.#observer.onEvent(told);
  }

  #beginSecond(): void {
    const second = Math.floor(this.#clock.monotonicMs() / 1000);
    if (second === this.#second) return;
    this.#second = second;
    if (this.#leftOut > 0) this.#observer.onLeftOut(this.#leftOut);
    this.#leftOut = 0;
    this.#told = 0;
    this.#toldOfTenant.clear();
  }
}

function eventOf(event: LimitEventKind, usage: LimitUsage, atMs: number): LimitEvent {
  const { tenantId, level, scope, name, kind, unit, shadow, limit, capacity, remaining } = usage;
  const used = remaining === null ? null : Math.max(0, capacity - remaining);
  const percent = used === null ? null : Math.floor((used * 100) / Math.max(1, capacity));
  return {
    ...{ atMs, event, tenantId, level, scope, name, kind, unit, shadow },
    ...{ used, limit, capacity, percent },
  };
}
