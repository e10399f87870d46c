import { BoundedMap, type Clock } from '@headgate/runtime';
import { ruleCost, type BodyBytes } from './body-bytes.ts';
import { EXACT_LIMIT_MAX } from './bucket-shape.ts';
import type { CompiledRule } from './compiled-rule.ts';
import type { LimitChain } from './limit-chain.ts';
import type { LimiterStats } from './limiter-stats.ts';
import type { LeaseReturn } from './limit-store.ts';
import { createLocalUsage, type LocalUsage } from './local-usage.ts';
import { QuotaUsage, type QuotaMark } from './quota-usage.ts';
import type { EdgeShare } from './share.ts';
import type { SlotBook } from './slot-book.ts';
import type { ChargeDates } from './verdict.ts';

/** Rule keys remembered at a time, of rules without and with a consumer. */
export interface LocalCapacity {
  readonly rulesMax: number;
  readonly consumersMax: number;
}

/** What this edge remembers of one rule key. */
export interface LocalRule {
  readonly tenantTag: string;
  /** What this edge itself admitted lately. */
  readonly usage: LocalUsage;
  /** Deny without asking until this monotonic time in ms; 0 for none. */
  denyUntilMs: number;
  /** When enough has left, as far as the store knew: no earlier than `denyUntilMs`. What clients are told. */
  freeAtMs: number;
  /** The denial holds for costs of at least this … */
  denyCost: number;
  /** … and for a shorter time, which is `scarceUntilMs`, for those of more than this: so much was left … */
  left: number;
  /** … under a limit of at most this … */
  denyLimit: number;
  /** … that admits at most this much at once. */
  denyCapacity: number;
  /** Nothing of what was used can have left before; no later than `denyUntilMs`, 0 if it is not known. */
  scarceUntilMs: number;
  /** The store (its identity) that knows all settled charges of `usage`. */
  knownTo: string;
  /** Monotonic time of the last move to the young end of the map. */
  refreshedMs: number;
}

/** What the store said of a rule that refused. */
export interface Denial {
  /** What did not fit. */
  readonly cost: number;
  /** Until it does. */
  readonly waitMs: number;
  /** What would have fitted. */
  readonly left: number;
  /** So long nothing more does. */
  readonly scarceMs: number;
}

/**
 * A denial is remembered for at most this long where units may come back before their time: when the store counted them
 * as used, other workers may have had them in leases or reserved for bodies. Windows of a second never take longer than
 * this, buckets and gathering included, so that none of theirs is asked for in vain.
 */
const DENIAL_MAX_MS = 1100;

/**
 * Any other for at most this long. Nothing comes back there by rights; but a limit that was lowered may have leases out
 * (for as long as a rollout takes, if other edges still have the larger one), somebody may delete a key, and clocks jump.
 */
const SURE_DENIAL_MAX_MS = 10_000;

/** A record is moved to the young end at most this often: one map write per second instead of one per request. */
const REFRESH_MS = 1000;

/** Quotas of which something is kept over a restart. */
const QUOTA_MARKS_MAX = 25_000;

/**
 * Rules without a consumer that a limiter remembers by default: 10,000 tenants with ten each. A rule that is pushed out starts afresh
 * when the store is lost. A record takes 0.8 KB, and 1 KB with 60 charges: 100 MB if all are used at a time.
 */
export const LOCAL_RULES_MAX = 100_000;

/** Rules with a consumer: whoever comes from ever new addresses makes as many as it likes. */
export const LOCAL_CONSUMERS_MAX = 20_000;

/** This edge's memory of rules: the deny cache, and its own recent admissions for share and replay. Bounded. */
export class LocalRules {
  /** Identity of the store in use; new records are known to it. */
  storeIdentity = '';
  readonly #records: BoundedMap<string, LocalRule>;
  /** Of rules with a consumer, apart: clients that come from ever new addresses push out only each other. */
  readonly #ofConsumers: BoundedMap<string, LocalRule>;
  /** What an earlier run knew of quotas, until they are asked for. */
  readonly #restored = new BoundedMap<string, QuotaMark>(QUOTA_MARKS_MAX);
  readonly #stats: LimiterStats;
  readonly #slots: SlotBook;
  readonly #clock: Clock;

  /** @param capacity rule keys remembered; the one unused for longest makes room, and that is counted. */
  constructor(capacity: LocalCapacity, stats: LimiterStats, slots: SlotBook, clock: Clock) {
    this.#clock = clock;
    this.#slots = slots;
    this.#records = new BoundedMap(capacity.rulesMax);
    this.#ofConsumers = new BoundedMap(capacity.consumersMax);
    this.#stats = stats;
  }

  /**
   * Of the rules that deny this cost now, the index of the one that is free last; −1 for none.
   *
   * @hot
   */
  findDenial(
    chain: LimitChain,
    cost: number,
    nowMs: number,
    bytes: BodyBytes | null = null,
  ): number {
    let found = -1;
    let latestMs = -Infinity;
    for (let index = 0; index < chain.compiled.length; index += 1) {
      const compiled = chain.compiled[index];
      if (compiled === undefined) break;
      const record = this.#recordsOf(compiled).get(compiled.key);
      if (record === undefined || record.denyUntilMs <= nowMs) continue;
      const due = ruleCost(compiled, cost, bytes);
      if (due === 0 || compiled.rule.limit > record.denyLimit) continue;
      if (compiled.capacity > record.denyCapacity) continue;
      if (due < record.denyCost && (due <= record.left || record.scarceUntilMs <= nowMs)) continue;
      const freeAtMs = freeAtOf(record, due);
      if (freeAtMs <= latestMs) continue;
      latestMs = freeAtMs;
      found = index;
    }
    return found;
  }

  /** Monotonic time in ms until which the rule denies this cost without asking; 0 for none. */
  denyUntilMs(compiled: CompiledRule | undefined, cost: number): number {
    if (compiled === undefined) return 0;
    const record = this.#recordsOf(compiled).get(compiled.key);
    if (record === undefined) return 0;
    return cost < record.denyCost ? record.scarceUntilMs : record.denyUntilMs;
  }

  /** Monotonic time in ms at which the rule at `index`, which denies this, may have room for it, as far as the store knew. */
  freeAtMs(chain: LimitChain, index: number, cost: number, bytes: BodyBytes | null): number {
    const compiled = chain.compiled[index];
    if (compiled === undefined) return 0;
    const record = this.#recordsOf(compiled).get(compiled.key);
    return record === undefined ? 0 : freeAtOf(record, ruleCost(compiled, cost, bytes));
  }

  /** Remembers a denial for 10 s at most, or 1.1 s if units may come back before. */
  deny(chain: LimitChain, compiled: CompiledRule, denial: Denial, nowMs: number): void {
    const record = this.obtain(chain, compiled, nowMs);
    const longestMs = mayComeBack(compiled) ? DENIAL_MAX_MS : SURE_DENIAL_MAX_MS;
    record.denyUntilMs = nowMs + Math.min(denial.waitMs, longestMs);
    record.freeAtMs = nowMs + denial.waitMs;
    record.denyCost = denial.cost;
    record.left = denial.left;
    record.scarceUntilMs = Math.min(record.denyUntilMs, nowMs + denial.scarceMs);
    record.denyLimit = compiled.rule.limit;
    record.denyCapacity = compiled.capacity;
  }

  /** Forgets the denial of a rule, as units came back before their time. */
  allow(compiled: CompiledRule): void {
    const record = this.#recordsOf(compiled).get(compiled.key);
    if (record !== undefined) record.denyUntilMs = 0;
  }

  /** What the store admitted, or leased until `aheadMs` from now, counts as this edge's own usage. */
  charge(chain: LimitChain, cost: number, nowMs: number, share: EdgeShare, aheadMs: number): void {
    for (const compiled of chain.compiled) {
      this.obtain(chain, compiled, nowMs).usage.charge(nowMs, share, cost, false, aheadMs);
    }
  }

  /** Bytes that were taken with this charge were not used. */
  giveBackBytes(chain: LimitChain, unused: BodyBytes, charge: ChargeDates, nowMs: number): void {
    const { madeMs } = charge.local;
    for (const compiled of chain.compiled) {
      const amount = ruleCost(compiled, 0, unused);
      if (amount === 0) continue;
      const record = this.#recordsOf(compiled).get(compiled.key);
      if (record === undefined) continue;
      const returned = { amount, madeMs, endMs: madeMs };
      record.usage.giveBack?.(nowMs, returned, charge.stored !== null);
      record.denyUntilMs = 0;
    }
  }

  /** A part of a lease was not used. */
  giveBack(chain: LimitChain, returned: LeaseReturn, nowMs: number): void {
    for (const compiled of chain.compiled) {
      this.#recordsOf(compiled).get(compiled.key)?.usage.giveBack?.(nowMs, returned, true);
    }
  }

  /** The record of a rule, made if missing. */
  obtain(chain: LimitChain, compiled: CompiledRule, nowMs: number): LocalRule {
    const records = this.#recordsOf(compiled);
    const known = records.get(compiled.key);
    if (known !== undefined) {
      known.usage.adopt(compiled);
      if (nowMs - known.refreshedMs >= REFRESH_MS) {
        known.refreshedMs = nowMs;
        records.set(compiled.key, known);
      }
      return known;
    }
    const record: LocalRule = {
      tenantTag: chain.tenantTag,
      usage: createLocalUsage(
        compiled,
        chain.tenantTag,
        this.#slots,
        this.#clock,
        this.#restored.get(compiled.key) ?? null,
      ),
      denyUntilMs: 0,
      freeAtMs: 0,
      denyCost: 0,
      left: 0,
      denyLimit: 0,
      denyCapacity: 0,
      scarceUntilMs: 0,
      knownTo: this.storeIdentity,
      refreshedMs: nowMs,
    };
    records.set(compiled.key, record);
    this.#restored.delete(compiled.key);
    this.#stats.denyCacheEvictions = this.#records.evictions + this.#ofConsumers.evictions;
    return record;
  }

  /** All records now; those of consumers last, of each the longest unused first. */
  records(): LocalRule[] {
    return [...this.#records.values(), ...this.#ofConsumers.values()];
  }

  /** What an earlier run knew of quotas. */
  restoreQuotas(marks: readonly QuotaMark[]): void {
    for (const mark of marks) this.#restored.set(mark.key, mark);
  }

  /** What is known to be used of quotas, where that has changed since the last call. */
  takeQuotaMarks(nowMs: number): QuotaMark[] {
    const marks: QuotaMark[] = [];
    for (const records of [this.#records, this.#ofConsumers]) {
      for (const { usage } of records.values()) {
        const mark = usage instanceof QuotaUsage ? usage.takeMark(nowMs) : null;
        if (mark !== null) marks.push(mark);
      }
    }
    return marks;
  }

  #recordsOf(compiled: CompiledRule): BoundedMap<string, LocalRule> {
    return compiled.rule.consumer === undefined ? this.#records : this.#ofConsumers;
  }
}

/**
 * For how long nothing can leave a rule that refused, given when the cost would fit. Windows free something only as a bucket
 * begins, and `waitMs` is when one does. Of a pace nothing is known: it frees all the time.
 */
export function scarceForMs(compiled: CompiledRule, waitMs: number): number {
  if (compiled.kind === 'rate') return 0;
  if (compiled.kind !== 'window') return waitMs;
  const untilBucketMs = waitMs % compiled.bucketMs;
  return untilBucketMs === 0 ? compiled.bucketMs : untilBucketMs;
}

function freeAtOf(record: LocalRule, cost: number): number {
  return cost < record.denyCost ? record.scarceUntilMs : record.freeAtMs;
}

/**
 * Bytes are reserved, and windows leased, by whichever chain they are in; what is not used is returned. Small windows are
 * not leased, but pools get back what another level refuses.
 */
function mayComeBack({ kind, unit, rule }: CompiledRule): boolean {
  if (unit !== 'requests') return kind === 'window' || kind === 'quota';
  if (rule.level === 'pool' || rule.level === 'platform') return true;
  return kind === 'window' && rule.limit > EXACT_LIMIT_MAX;
}
