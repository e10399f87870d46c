import type { LeaseAsk, LeaseGrant, LimitChain } from '../src/index.ts';

/** What a lease needs of the usage of a rule. */
export interface LeasedMeter {
  readonly capacity: number;
  left(nowMs: number): number;
  /** Absent if the rule is no window. Answers how long the charge may be used. */
  readonly chargeLease?: (nowMs: number, cost: number, aheadMs: number) => number;
}

/** How much more to wait for, and for how long. */
export interface Gather {
  readonly more: number;
  readonly forMs: number;
}

/** Charges what `take.lua` would lease. */
export function grantLease(
  meters: readonly LeasedMeter[],
  chain: LimitChain,
  { amount: wanted }: LeaseAsk,
  cost: number,
  nowMs: number,
): LeaseGrant {
  const spans = spansOf(chain);
  let long = wanted;
  let short = shortPart(chain, wanted, cost);
  for (const meter of meters) {
    const left = meter.left(nowMs);
    long = Math.min(long, Math.floor((left - meter.capacity / 8) / 2));
    short = Math.min(short, left);
  }
  const amount = Math.max(long, short);
  if (amount <= 0) return { amount: 0, madeMs: nowMs, spanMs: 0 };
  const aheadMs = short > long ? spans.shortMs : spans.longMs;
  const usableMs = meters.map((meter) => meter.chargeLease?.(nowMs, amount, aheadMs) ?? 0);
  return { amount, madeMs: nowMs, spanMs: Math.min(...usableMs) };
}

/** What a refused request that asked for a lease waits for. */
export function gatherFor(chain: LimitChain, { amount }: LeaseAsk, cost: number): Gather {
  return {
    more: Math.max(0, shortPart(chain, amount, cost) - cost),
    forMs: spansOf(chain).gatherMs,
  };
}

/** A lease for fewer than two requests is not worth its while. */
function shortPart(chain: LimitChain, wanted: number, cost: number): number {
  const { longMs, shortMs } = spansOf(chain);
  const short = Math.floor((wanted * shortMs) / longMs);
  return short < 2 * cost ? 0 : short;
}

function spansOf({ leaseSpans, tenantId }: LimitChain): NonNullable<LimitChain['leaseSpans']> {
  if (leaseSpans === null) throw new RangeError(`the limits of ${tenantId} cannot be leased`);
  return leaseSpans;
}
