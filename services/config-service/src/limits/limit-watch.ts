import type { LimitUsage, LimitUsageReport } from '@headgate/bus';
import { BoundedMap, type Clock } from '@headgate/runtime';
import { SelfAudit, type LimitExcess } from './self-audit.ts';
import { SlottedCount } from './slotted-count.ts';

/** Limits remembered, some 2 KB each, and of limits per consumer as many counters again. */
const LIMITS_MAX = 10_000;

/** Rates are means over this time, in ms. */
const RATE_SPAN_MS = 5000;

/** What edges said longer ago is no state of now; the clocks of edges may differ by this, in ms. */
export const STALE_MS = 10_000;

/** One limit as edges see it together. */
export interface LimitState {
  readonly usage: LimitUsage;
  readonly used: number | null;
  readonly remaining: number | null;
  /** ms until units come back, from now; 0 if none are used, or for slots. */
  readonly resetMs: number;
  readonly admittedPerSecond: number;
  readonly deniedPerSecond: number;
  /** ms since an edge last told of it. */
  readonly ageMs: number;
  readonly isStuck: boolean;
}

interface Watched {
  usage: LimitUsage;
  atMs: number;
  readonly admitted: SlottedCount;
  readonly denied: SlottedCount;
  readonly audit: SelfAudit;
}

/** Remembers what edges report of limits, in memory, and audits it. Each replica of the config-service does so for itself. */
export class LimitWatch {
  readonly #limits = new BoundedMap<string, Watched>(LIMITS_MAX);
  /** Apart: clients that come from ever new addresses push out only each other. */
  readonly #ofConsumers = new BoundedMap<string, Watched>(LIMITS_MAX);
  readonly #clock: Clock;
  readonly #onExcess: (usage: LimitUsage, excess: LimitExcess) => void;

  constructor(deps: {
    readonly clock: Clock;
    /** Edges together admitted too much. */
    readonly onExcess: (usage: LimitUsage, excess: LimitExcess) => void;
  }) {
    this.#clock = deps.clock;
    this.#onExcess = deps.onExcess;
  }

  get size(): number {
    return this.#limits.size + this.#ofConsumers.size;
  }

  /** Limits that admit although nothing of them is ever used. */
  get stuck(): number {
    return this.#states().filter(({ isStuck }) => isStuck).length;
  }

  receive({ entries, atMs }: LimitUsageReport): void {
    if (Math.abs(this.#clock.nowMs() - atMs) > STALE_MS) return;
    for (const usage of entries) {
      const watched = this.#obtain(usage);
      const { remaining, resetMs } = usage.remaining === null ? watched.usage : usage;
      watched.usage = { ...usage, remaining, resetMs };
      watched.atMs = atMs;
      watched.admitted.add(atMs, usage.admitted);
      watched.denied.add(atMs, usage.denied);
      const excess = watched.audit.add(usage, atMs);
      if (excess !== null) this.#onExcess(usage, excess);
    }
  }

  /** Limits of which at least this part is used, or that refuse: the most refused first, then the fullest. */
  top(near: number, isVisible: (tenantId: string) => boolean): LimitState[] {
    const isNear = ({ used, usage, deniedPerSecond }: LimitState): boolean =>
      deniedPerSecond > 0 || (used !== null && used >= near * usage.capacity);
    return this.#states()
      .filter((state) => state.ageMs <= STALE_MS && isVisible(state.usage.tenantId))
      .filter(isNear)
      .sort((a, b) => b.deniedPerSecond - a.deniedPerSecond || fullness(b) - fullness(a));
  }

  /**
   * All limits of a tenant that edges told of.
   *
   * @param sinceMs when the tenant began, ms since the epoch: what is older is of one that had the same id before.
   */
  ofTenant(tenantId: string, sinceMs: number): LimitState[] {
    return this.#states(({ usage, atMs }) => usage.tenantId === tenantId && atMs >= sinceMs);
  }

  /** All limits of an entity of a pool that edges told of. */
  ofPool(level: LimitUsage['level'], scope: string): LimitState[] {
    return this.#states(({ usage }) => usage.level === level && usage.scope === scope);
  }

  /** All limits of all entities of pools that edges told of. */
  ofPools(): LimitState[] {
    return this.#states(({ usage: { level } }) => level === 'pool' || level === 'platform');
  }

  #obtain(usage: LimitUsage): Watched {
    const { tenantId, level, scope, consumer, name, kind, unit, spanMs } = usage;
    const key = JSON.stringify([tenantId, level, scope, consumer, name, kind, unit, spanMs]);
    const limits = consumer === null ? this.#limits : this.#ofConsumers;
    const known = limits.get(key);
    const watched = known ?? {
      ...{ usage, atMs: 0, audit: new SelfAudit(usage) },
      admitted: new SlottedCount(1000, 6),
      denied: new SlottedCount(1000, 6),
    };
    limits.set(key, watched); // moves it to the young end
    return watched;
  }

  #states(isWanted: (watched: Watched) => boolean = () => true): LimitState[] {
    const nowMs = this.#clock.nowMs();
    const all = [...this.#limits.values(), ...this.#ofConsumers.values()];
    return all.filter(isWanted).map((watched) => stateOf(watched, nowMs));
  }
}

function stateOf({ usage, atMs, admitted, denied, audit }: Watched, nowMs: number): LimitState {
  const ageMs = Math.max(0, nowMs - atMs);
  const rate = (count: SlottedCount): number =>
    count.sum(nowMs, RATE_SPAN_MS) / (RATE_SPAN_MS / 1000);
  const { remaining, kind, spanMs, capacity } = usage;
  // When everything must have come back, what was heard is worth nothing.
  const isOver = kind === 'quota' ? ageMs > usage.resetMs : ageMs > Math.max(spanMs, STALE_MS);
  const left = remaining === null || isOver ? null : Math.min(remaining, capacity);
  return {
    usage,
    remaining: left,
    used: left === null ? null : capacity - left,
    resetMs: Math.max(0, usage.resetMs - ageMs),
    admittedPerSecond: Math.max(0, rate(admitted)),
    deniedPerSecond: rate(denied),
    ageMs,
    isStuck: audit.isStuck && ageMs <= STALE_MS,
  };
}

function fullness({ used, usage }: LimitState): number {
  return used === null ? 0 : used / usage.capacity;
}
