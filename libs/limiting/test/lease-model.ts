import type { LaterLease, LeaseAsk, LeaseGrant, LimitChain } from '../src/index.ts';

/** What a lease needs of the usage of a rule. */
export interface LeasedMeter {
  readonly capacity: number;
  left(nowMs: number): number;
  /** Absent if the rule is no window. What will be left `aheadMs` from now; ms until its next bucket begins; their width. */
  readonly leftAhead?: (nowMs: number, aheadMs: number) => number;
  readonly nextBucketMs?: (nowMs: number) => number;
  readonly bucketMs?: number;
  /** Absent if the rule is no window. Answers how long the charge may be used. */
  readonly chargeLease?: (nowMs: number, cost: number, aheadMs: number) => number;
}

/** How much more to wait for, and for how long. */
export interface Gather {
  readonly more: number;
  readonly forMs: number;
  /** What comes back within this time is leased ahead. */
  readonly aheadMs: number;
}

/** The part of a limit up to which leases are far. */
export const FAR_PART = 1 / 8;

/** Charges what `take.lua` would lease; with another part than `FAR_PART`, what a faulty one would. */
export function grantLease(
  meters: readonly LeasedMeter[],
  chain: LimitChain,
  ask: LeaseAsk,
  cost: number,
  nowMs: number,
  farPart = FAR_PART,
): LeaseGrant {
  const grant = grantNow(meters, chain, ask, cost, nowMs, farPart);
  const later = grantAhead(meters, chain, ask, cost, nowMs);
  return later.length === 0 ? grant : { ...grant, later };
}

function grantNow(
  meters: readonly LeasedMeter[],
  chain: LimitChain,
  ask: LeaseAsk,
  cost: number,
  nowMs: number,
  farPart: number,
): LeaseGrant {
  const { amount: wanted } = ask;
  const spans = askedSpans(chain, ask);
  let far = wanted;
  let long = partOf(wanted, spans.longMs, spans, cost);
  let short = partOf(wanted, spans.shortMs, spans, cost);
  for (const meter of meters) {
    const left = meter.left(nowMs);
    if (meter.capacity - left + far > meter.capacity * farPart) far = 0;
    long = Math.min(long, Math.floor((left - meter.capacity / 8) / 2));
    short = Math.min(short, left);
  }
  const amount = Math.max(far, long, short);
  if (amount <= 0) return { amount: 0, madeMs: nowMs, spanMs: 0 };
  const ofLong = amount === long ? spans.longMs : spans.shortMs;
  const aheadMs = amount === far ? spans.farMs : ofLong;
  const usableMs = meters.map((meter) => meter.chargeLease?.(nowMs, amount, aheadMs) ?? 0);
  return { amount, madeMs: nowMs, spanMs: Math.min(...usableMs) };
}

function grantAhead(
  meters: readonly LeasedMeter[],
  chain: LimitChain,
  ask: LeaseAsk,
  cost: number,
  nowMs: number,
): LaterLease[] {
  const spans = askedSpans(chain, ask);
  const amount = partOf(ask.amount, spans.shortMs, spans, cost);
  if (spans.aheadMs === 0 || amount === 0) return [];
  const stepMs = Math.min(...meters.map(({ bucketMs = Infinity }) => bucketMs));
  const narrowest = meters.find(({ bucketMs }) => bucketMs === stepMs);
  const later: LaterLease[] = [];
  let startMs = narrowest?.nextBucketMs?.(nowMs) ?? Infinity;
  for (; startMs <= spans.aheadMs; startMs += stepMs) {
    const lefts = meters.map(({ leftAhead }) => leftAhead?.(nowMs, startMs) ?? 0);
    const part = Math.min(amount, ...lefts);
    if (part < 2 * cost) continue;
    const endMs = meters.map(
      ({ chargeLease }) => chargeLease?.(nowMs, part, startMs + spans.shortMs) ?? 0,
    );
    later.push({ startMs, amount: part, spanMs: Math.min(...endMs) - startMs });
  }
  return later;
}

/** What a refused request that asked for a lease waits for. */
export function gatherFor(chain: LimitChain, ask: LeaseAsk, cost: number): Gather {
  const spans = askedSpans(chain, ask);
  return {
    more: Math.max(0, partOf(ask.amount, spans.shortMs, spans, cost) - cost),
    forMs: spans.gatherMs,
    aheadMs: spans.aheadMs,
  };
}

/** Of a flood, `shortMs` is that of a flood. */
function askedSpans(chain: LimitChain, { isFlood = false }: LeaseAsk): Spans {
  const spans = spansOf(chain);
  return isFlood ? { ...spans, shortMs: spans.floodMs } : { ...spans, aheadMs: 0 };
}

type Spans = NonNullable<LimitChain['leaseSpans']>;

/** A lease for fewer than two requests is not worth its while. */
function partOf(wanted: number, spanMs: number, { farMs }: Spans, cost: number): number {
  const part = farMs > 0 ? Math.floor((wanted * spanMs) / farMs) : 0;
  return part < 2 * cost ? 0 : part;
}

function spansOf({ leaseSpans, tenantId }: LimitChain): Spans {
  if (leaseSpans === null) throw new RangeError(`the limits of ${tenantId} cannot be leased`);
  return leaseSpans;
}
