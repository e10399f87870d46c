import type { BodyBytes } from './body-bytes.ts';
import type { LimitChain } from './limit-chain.ts';
import type { Limiter } from './limiter.ts';
import { createLimiterStats, type LimiterStats } from './limiter-stats.ts';
import type { QuotaMark } from './quota-usage.ts';
import type { ChargeDates, LimitVerdict } from './verdict.ts';

/**
 * One limiter over stores that fail apart from each other, as the shards of a Redis Cluster do: each has a breaker, a
 * batch and a share of its own, so the loss of one leaves the tenants of all others exact and their replays alone.
 *
 * @param shards at least one; closed with this limiter.
 * @param shardOf of a store key, or of the tenant tag that it begins with, an index into `shards`; never changes, since own
 *   usage, leases and slots stay with their shard.
 */
export function createShardedLimiter(
  shards: readonly Limiter[],
  shardOf: (key: string) => number,
): Limiter {
  const [only] = shards;
  if (only === undefined) throw new RangeError('a limiter needs at least one shard');
  return shards.length === 1 ? only : new ShardedLimiter(shards, only, shardOf);
}

class ShardedLimiter implements Limiter {
  readonly #shards: readonly Limiter[];
  readonly #first: Limiter;
  readonly #shardOf: (key: string) => number;
  /** Goes with the chain: hashing a tag takes ten times as long as this look-up. */
  readonly #known = new WeakMap<LimitChain, Limiter>();

  constructor(shards: readonly Limiter[], first: Limiter, shardOf: (key: string) => number) {
    this.#shards = shards;
    this.#first = first;
    this.#shardOf = shardOf;
  }

  /** True while any shard is. */
  get degraded(): boolean {
    return this.#shards.some(({ degraded }) => degraded);
  }

  /** Sums over all shards, made anew by each reading; `degradedSinceMs` is the earliest. */
  get stats(): LimiterStats {
    const sums = createLimiterStats();
    let sinceMs = Infinity;
    for (const { stats } of this.#shards) {
      for (const name of FIELDS) sums[name] += stats[name];
      if (stats.degradedSinceMs > 0) sinceMs = Math.min(sinceMs, stats.degradedSinceMs);
    }
    sums.degradedSinceMs = sinceMs === Infinity ? 0 : sinceMs;
    return sums;
  }

  /** @hot */
  take(
    chain: LimitChain,
    cost: number,
    bytes: BodyBytes | null = null,
  ): LimitVerdict | Promise<LimitVerdict> {
    return this.#of(chain).take(chain, cost, bytes);
  }

  takeBytes(chain: LimitChain, bytes: BodyBytes): LimitVerdict | Promise<LimitVerdict> {
    return this.#of(chain).takeBytes(chain, bytes);
  }

  returnBytes(chain: LimitChain, charge: ChargeDates, unused: BodyBytes): void {
    this.#of(chain).returnBytes(chain, charge, unused);
  }

  /** @hot */
  takeNow(chain: LimitChain, cost: number, bytes: BodyBytes | null = null): LimitVerdict | null {
    return this.#of(chain).takeNow(chain, cost, bytes);
  }

  askStore(
    chain: LimitChain,
    cost: number,
    bytes: BodyBytes | null = null,
  ): LimitVerdict | Promise<LimitVerdict> {
    return this.#of(chain).askStore(chain, cost, bytes);
  }

  giveBack(chain: LimitChain, cost: number, verdict: LimitVerdict): void {
    this.#of(chain).giveBack(chain, cost, verdict);
  }

  release(chain: LimitChain, cost: number): void {
    this.#of(chain).release(chain, cost);
  }

  async settle(): Promise<void> {
    await Promise.all(this.#shards.map((shard) => shard.settle()));
  }

  restoreQuotas(marks: readonly QuotaMark[]): void {
    const perShard = new Map<Limiter, QuotaMark[]>();
    for (const mark of marks) {
      const shard = this.#at(this.#shardOf(mark.key));
      const list = perShard.get(shard);
      if (list === undefined) perShard.set(shard, [mark]);
      else list.push(mark);
    }
    for (const [shard, list] of perShard) shard.restoreQuotas(list);
  }

  takeQuotaMarks(): QuotaMark[] {
    return this.#shards.flatMap((shard) => shard.takeQuotaMarks());
  }

  close(): void {
    for (const shard of this.#shards) shard.close();
  }

  #of(chain: LimitChain): Limiter {
    let shard = this.#known.get(chain);
    if (shard === undefined) {
      shard = this.#at(this.#shardOf(chain.tenantTag));
      this.#known.set(chain, shard);
    }
    return shard;
  }

  #at(index: number): Limiter {
    return this.#shards[index] ?? this.#first;
  }
}

/** All names of counters. */
const FIELDS = Object.keys(createLimiterStats()) as (keyof LimiterStats)[]; // an object literal of that type
