import type { LimitChain } from './limit-chain.ts';
import type { LimitRule } from './limit-rule.ts';

/** When something was charged, or leased from and until; in ms. */
export interface ChargeSpan {
  readonly madeMs: number;
  readonly endMs: number;
}

/** How an admission was charged: what giving it back takes. */
export interface ChargeDates {
  /** By the store's clock; null if it was charged by this edge alone. */
  readonly stored: ChargeSpan | null;
  /** By the monotonic clock. */
  readonly local: ChargeSpan;
}

/** What the limiter says about one request. */
export interface LimitVerdict {
  /**
   * `admitted`: charged, go on. `denied`: over the limit, answer 429. `unavailable`: the limit cannot be checked and
   * the policy is not to admit, answer 503 (a store error is never a quota's 429).
   */
  readonly outcome: 'admitted' | 'denied' | 'unavailable';
  /**
   * Who decided: the store; a lease that it had granted; this edge's memory of a denial (or a cost above the limit); or, with the store lost, the
   * share, open or closed policy. `unavailable` by `store` means that too many requests already wait for the store.
   */
  readonly source: 'store' | 'lease' | 'deny_cache' | 'share' | 'open' | 'closed';
  /** The violated rule, the one that takes longest to recover; null unless denied. */
  readonly rule: LimitRule | null;
  /** Index of `rule` in `chain.rules`; −1 unless denied, and for a limit that tenants share. */
  readonly ruleIndex: number;
  /**
   * Milliseconds until one more request of this cost fits, plus up to 10 % (at most 1 s) of jitter; 0 if admitted;
   * Infinity when the cost exceeds the limit for good.
   */
  readonly retryAfterMs: number;
  /** Units left per rule, same order as `chain.rules`; −1 when unknown. */
  readonly remaining: readonly number[];
  /** Per rule: ms until units come back (until this cost fits, if it does not fit now); 0 when nothing is charged. */
  readonly resetMs: readonly number[];
  /** Null unless admitted. */
  readonly charge: ChargeDates | null;
}

/** Charged on all rules. */
export function admittedVerdict(
  source: LimitVerdict['source'],
  remaining: readonly number[],
  resetMs: readonly number[],
  charge: ChargeDates | null,
): LimitVerdict {
  return {
    outcome: 'admitted',
    source,
    rule: null,
    ruleIndex: -1,
    retryAfterMs: 0,
    remaining,
    resetMs,
    charge,
  };
}

/** Over the limit of `chain.rules[ruleIndex]`. */
export function deniedVerdict(
  chain: LimitChain,
  source: LimitVerdict['source'],
  ruleIndex: number,
  retryAfterMs: number,
  remaining: readonly number[],
  resetMs: readonly number[],
): LimitVerdict {
  const rule = chain.rules[ruleIndex] ?? null;
  const charge = null;
  return { outcome: 'denied', source, rule, ruleIndex, retryAfterMs, remaining, resetMs, charge };
}

/** A verdict of limits that are not the client's to know: without what is left of them. */
export function withoutUsage(verdict: LimitVerdict): LimitVerdict {
  return { ...verdict, ruleIndex: -1, remaining: NOTHING_KNOWN, resetMs: NOTHING_KNOWN };
}

const NOTHING_KNOWN: readonly number[] = Object.freeze([]);

const UNAVAILABLE = {
  store: createUnavailable('store'),
  share: createUnavailable('share'),
  closed: createUnavailable('closed'),
} as const;

/** Cannot be checked; one frozen verdict per source. */
export function unavailableVerdict(source: 'store' | 'share' | 'closed'): LimitVerdict {
  return UNAVAILABLE[source];
}

function createUnavailable(source: LimitVerdict['source']): LimitVerdict {
  return Object.freeze({
    outcome: 'unavailable',
    source,
    rule: null,
    ruleIndex: -1,
    retryAfterMs: 0,
    remaining: NOTHING_KNOWN,
    resetMs: NOTHING_KNOWN,
    charge: null,
  });
}
