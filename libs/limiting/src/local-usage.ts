import type { Clock } from '@headgate/runtime';
import type {
  CompiledConcurrency,
  CompiledRate,
  CompiledRule,
  CompiledWindow,
} from './compiled-rule.ts';
import type { LeaseReturn, ReplayItem } from './limit-store.ts';
import { QuotaUsage, type QuotaMark, type StoredQuota } from './quota-usage.ts';
import { RateMeter, type RateDebt, type RatePace } from './rate-meter.ts';
import { shareOf, type EdgeShare } from './share.ts';
import type { SlotBook, SlotHolding } from './slot-book.ts';
import { SlidingWindow, type WindowCharge } from './sliding-window.ts';

/** What this edge itself admitted lately under one rule. Times are monotonic, in ms. */
export interface LocalUsage {
  /** The rule as last used; its limit may have changed since. */
  readonly compiled: CompiledRule;
  /** Goes on with a newer revision of the rule; it has the same key, hence the same kind. */
  adopt(compiled: CompiledRule): void;
  /** Units that this edge may still admit alone; negative when it has admitted more than its share. */
  left(nowMs: number, share: EdgeShare): number;
  /** Time until `cost` fits into the share; if it fits, until units come back; 0 when nothing is charged. */
  resetMs(nowMs: number, share: EdgeShare, cost: number): number;
  /** Adds an admission, or a lease that ends `aheadMs` later. `unsettled` says that the store does not know it. */
  charge(nowMs: number, share: EdgeShare, cost: number, unsettled: boolean, aheadMs?: number): void;
  /** A part of a lease, or of what was taken in bytes, was not used; `isStored` says that the store knows the charge. */
  readonly giveBack?: (nowMs: number, returned: LeaseReturn, isStored: boolean) => void;
  /**
   * The store has said how many units all edges together have left. True if this edge knows of more that is used: the
   * store has lost something. Only quotas remember it.
   */
  learn(nowMs: number, told: StoredQuota): boolean;
  /** What a replay must tell: everything, or what the store does not know; null for nothing. */
  report(nowMs: number, share: EdgeShare, which: 'all' | 'unsettled'): UsageReport | null;
}

/** What the store is to be told, and what follows when it has been. */
export interface UsageReport {
  readonly charges: readonly { readonly ageMs: number; readonly cost: number }[];
  readonly quota?: ReplayItem['quota'];
  /** The store knows it now; what was admitted since stays unknown to it. */
  settle(nowMs: number): void;
}

/** Usage for a rule of any kind, empty but for the slots that the book has and what was restored of a quota. */
export function createLocalUsage(
  compiled: CompiledRule,
  tenantTag: string,
  slots: SlotBook,
  clock: Clock,
  restored: QuotaMark | null,
): LocalUsage {
  if (compiled.kind === 'quota') return new QuotaUsage(compiled, clock, restored);
  if (compiled.kind === 'concurrency') return new SlotUsage(compiled, tenantTag, slots);
  return compiled.kind === 'rate' ? new RateUsage(compiled) : new WindowUsage(compiled);
}

class WindowUsage implements LocalUsage {
  compiled: CompiledWindow;
  readonly #window = new SlidingWindow();

  constructor(compiled: CompiledWindow) {
    this.compiled = compiled;
  }

  adopt(compiled: CompiledRule): void {
    if (compiled.kind === 'window') this.compiled = compiled;
  }

  left(nowMs: number, share: EdgeShare): number {
    return shareOf(this.compiled.capacity, share) - this.#window.used(nowMs, this.compiled);
  }

  resetMs(nowMs: number, share: EdgeShare, cost: number): number {
    const excess = Math.max(0, cost - this.left(nowMs, share));
    return this.#window.waitMs(nowMs, this.compiled, excess);
  }

  charge(nowMs: number, _: EdgeShare, cost: number, unsettled: boolean, aheadMs = 0): void {
    this.#window.charge(nowMs, this.compiled, cost, unsettled, aheadMs);
  }

  giveBack(nowMs: number, returned: LeaseReturn): void {
    this.#window.giveBack(nowMs, this.compiled, returned);
  }

  learn(): false {
    return false; // what this edge admitted is enough: its share is of any window
  }

  report(nowMs: number, _: EdgeShare, which: 'all' | 'unsettled'): UsageReport | null {
    const charges: WindowCharge[] = this.#window.charges(nowMs, this.compiled, which);
    if (charges.length === 0) return null;
    return { charges: gathered(charges), settle: () => this.#window.settle(charges) };
  }
}

/** Charges of one window in a replay, at most: more, of a rule that is `open`, would hold up the store. */
const CHARGES_MAX = 128;

/** At most {@link CHARGES_MAX}: neighbours become one charge as young as the youngest, which counts for longer than it must. */
function gathered(charges: readonly WindowCharge[]): UsageReport['charges'] {
  const size = Math.ceil(charges.length / CHARGES_MAX);
  if (size <= 1) return charges;
  return Array.from({ length: Math.ceil(charges.length / size) }, (_, index) => {
    const group = charges.slice(index * size, (index + 1) * size);
    const cost = group.reduce((sum, charge) => sum + charge.cost, 0);
    return { ageMs: group.at(-1)?.ageMs ?? 0, cost };
  });
}

/**
 * Each of E edges drains its own debt at 1/E of the rate, so that the debts of all edges together are at least the debt
 * that a common meter would hold. Where the load is uneven they are more, which errs on the strict side until the
 * burst has drained.
 */
class RateUsage implements LocalUsage {
  compiled: CompiledRate;
  readonly #meter = new RateMeter();

  constructor(compiled: CompiledRate) {
    this.compiled = compiled;
  }

  adopt(compiled: CompiledRule): void {
    if (compiled.kind === 'rate') this.compiled = compiled;
  }

  left(nowMs: number, share: EdgeShare): number {
    return this.#meter.left(microseconds(nowMs), this.#paceOf(share));
  }

  resetMs(nowMs: number, share: EdgeShare, cost: number): number {
    return this.#meter.waitMs(microseconds(nowMs), this.#paceOf(share), cost);
  }

  /** What the store admitted may be more than the share of this edge: the burst bounds what is remembered of it. */
  charge(nowMs: number, share: EdgeShare, cost: number, unsettled: boolean): void {
    this.#meter.charge(microseconds(nowMs), this.#paceOf(share), cost, unsettled);
    this.#meter.limitTo(this.compiled.rule);
  }

  learn(): false {
    return false; // as of a window
  }

  report(nowMs: number, share: EdgeShare, which: 'all' | 'unsettled'): UsageReport | null {
    const pace = this.#paceOf(share);
    const debt: RateDebt | null = this.#meter.read(microseconds(nowMs), pace, which);
    if (debt === null) return null;
    return {
      charges: [{ ageMs: 0, cost: debt.cost }],
      settle: (settledMs) => this.#meter.settle(microseconds(settledMs), pace, debt),
    };
  }

  #paceOf(share: EdgeShare): RatePace {
    const { capacity, rule } = this.compiled;
    const { limit, windowMs } = rule;
    const edges = Math.max(1, Math.floor(share.liveEdges));
    return { limit: limit / edges, windowMs, burst: shareOf(capacity, share) };
  }
}

/** A denial for want of a slot is remembered this long: a slot of another worker may return at any time. */
const SLOT_WAIT_MS = 25;

/** The slots themselves are in the book: they outlive this record. */
class SlotUsage implements LocalUsage {
  compiled: CompiledConcurrency;
  readonly #tenantTag: string;
  readonly #slots: SlotBook;

  constructor(compiled: CompiledConcurrency, tenantTag: string, slots: SlotBook) {
    this.compiled = compiled;
    this.#tenantTag = tenantTag;
    this.#slots = slots;
  }

  adopt(compiled: CompiledRule): void {
    if (compiled.kind === 'concurrency') this.compiled = compiled;
  }

  left(_: number, share: EdgeShare): number {
    const holding: SlotHolding | null = this.#slots.find(this.compiled.key);
    const held = holding === null ? 0 : holding.granted - holding.released;
    return shareOf(this.compiled.capacity, share) - held;
  }

  resetMs(nowMs: number, share: EdgeShare, cost: number): number {
    return this.left(nowMs, share) < cost ? SLOT_WAIT_MS : 0;
  }

  /** What the store grants, the keeper has counted already. */
  charge(_: number, __: EdgeShare, cost: number, unsettled: boolean): void {
    if (unsettled) this.#slots.grant(this.compiled.key, this.#tenantTag, cost);
  }

  learn(): false {
    return false; // the keeper has what the store said
  }

  /** Slots are not replayed as charges: the keeper claims them. */
  report(): null {
    return null;
  }
}

/** Rounded, not cut: a time of whole microseconds that went through milliseconds comes out as it was. */
function microseconds(timeMs: number): number {
  return Math.round(timeMs * 1000);
}
