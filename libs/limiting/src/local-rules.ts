import { BoundedMap, type Clock } from '@headgate/runtime';
import type { CompiledRule } from './compiled-rule.ts';
import type { LimitChain } from './limit-chain.ts';
import type { LimiterStats } from './limiter-stats.ts';
import type { LeaseReturn } from './limit-store.ts';
import { createLocalUsage, type LocalUsage } from './local-usage.ts';
import { QuotaUsage, type QuotaMark } from './quota-usage.ts';
import type { EdgeShare } from './share.ts';
import type { SlotBook } from './slot-book.ts';

/** What this edge remembers of one rule key. */
export interface LocalRule {
  readonly tenantTag: string;
  /** What this edge itself admitted lately. */
  readonly usage: LocalUsage;
  /** Deny until this monotonic time in ms; 0 for none. */
  denyUntilMs: number;
  /** The denial holds for costs of at least this … */
  denyCost: number;
  /** … under a limit of at most this … */
  denyLimit: number;
  /** … that admits at most this much at once. */
  denyCapacity: number;
  /** The store (its identity) that knows all settled charges of `usage`. */
  knownTo: string;
  /** Monotonic time of the last move to the young end of the map. */
  refreshedMs: number;
}

/** A record is moved to the young end at most this often: one map write per second instead of one per request. */
const REFRESH_MS = 1000;

/** Quotas of which something is kept over a restart. */
const QUOTA_MARKS_MAX = 25_000;

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

  /**
   * @param capacity rule keys remembered of each, with and without a consumer; the one unused for longest makes room,
   * and that is counted.
   */
  constructor(capacity: number, stats: LimiterStats, slots: SlotBook, clock: Clock) {
    this.#clock = clock;
    this.#slots = slots;
    this.#records = new BoundedMap(capacity);
    this.#ofConsumers = new BoundedMap(capacity);
    this.#stats = stats;
  }

  /**
   * The index of the rule that denies this cost until latest, or −1.
   *
   * @hot
   */
  findDenial(chain: LimitChain, cost: number, nowMs: number): number {
    let found = -1;
    let latestMs = nowMs;
    for (let index = 0; index < chain.compiled.length; index += 1) {
      const compiled = chain.compiled[index];
      if (compiled === undefined) break;
      const record = this.#recordsOf(compiled).get(compiled.key);
      if (record === undefined || record.denyUntilMs <= latestMs) continue;
      if (cost < record.denyCost || compiled.rule.limit > record.denyLimit) continue;
      if (compiled.capacity > record.denyCapacity) continue;
      latestMs = record.denyUntilMs;
      found = index;
    }
    return found;
  }

  /** Monotonic time in ms until which the rule denies; 0 for none. */
  denyUntilMs(compiled: CompiledRule | undefined): number {
    if (compiled === undefined) return 0;
    return this.#recordsOf(compiled).get(compiled.key)?.denyUntilMs ?? 0;
  }

  /** Denies `cost` and more until `untilMs`. */
  deny(
    chain: LimitChain,
    compiled: CompiledRule,
    cost: number,
    untilMs: number,
    nowMs: number,
  ): void {
    const record = this.obtain(chain, compiled, nowMs);
    record.denyUntilMs = untilMs;
    record.denyCost = cost;
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

  /** A part of a lease was not used. */
  giveBack(chain: LimitChain, returned: LeaseReturn, nowMs: number): void {
    for (const compiled of chain.compiled) {
      this.#recordsOf(compiled).get(compiled.key)?.usage.giveBack?.(nowMs, returned);
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
      denyCost: 0,
      denyLimit: 0,
      denyCapacity: 0,
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
    const all = [...this.#records.entries(), ...this.#ofConsumers.entries()];
    return all.map(([, record]) => record);
  }

  /** What an earlier run knew of quotas. */
  restoreQuotas(marks: readonly QuotaMark[]): void {
    for (const mark of marks) this.#restored.set(mark.key, mark);
  }

  /** What is known to be used of quotas, where that has changed since the last call. */
  takeQuotaMarks(nowMs: number): QuotaMark[] {
    const marks: QuotaMark[] = [];
    for (const { usage } of this.records()) {
      if (!(usage instanceof QuotaUsage)) continue;
      const mark = usage.takeMark(nowMs);
      if (mark !== null) marks.push(mark);
    }
    return marks;
  }

  #recordsOf(compiled: CompiledRule): BoundedMap<string, LocalRule> {
    return compiled.rule.consumer === undefined ? this.#records : this.#ofConsumers;
  }
}
