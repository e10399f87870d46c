import type { CompiledRule } from './compiled-rule.ts';

/** How long leases of a chain last, and by how much a denial may be prolonged to gather what comes back. In ms. */
export interface LeaseSpans {
  /** While much is left. */
  readonly longMs: number;
  /** Near the limit; 0: there are none, each request asks. */
  readonly shortMs: number;
  /** A worker that is refused waits up to this much longer for as much as a short lease would take. */
  readonly gatherMs: number;
}

const LONG_MAX_MS = 500;
const SHORT_MAX_MS = 50;
const GATHER_MAX_MS = 100;

/** A shorter lease would be over before its reply has been used: its end is told 2 ms early, and the reply takes its time. */
const LONG_MIN_MS = 20;
const SHORT_MIN_MS = 5;

/**
 * The spans for a chain, by its shortest window W; null if it is never leased. A charge of a lease of span D leaves up
 * to s + D late (s is the width of a bucket), so that W / (W + s + D) of a limit can be used. Short leases, W / 100, keep
 * that above 97 % where the limit binds; long ones, W / 20, are made only where it does not.
 *
 * Only windows can be leased: the debt of a rate has no date that a lease could be charged to, and slots are held by
 * requests.
 */
export function leaseSpansOf(compiled: readonly CompiledRule[]): LeaseSpans | null {
  let shortestMs = Infinity;
  for (const each of compiled) {
    if (each.kind !== 'window') return null;
    shortestMs = Math.min(shortestMs, each.rule.windowMs);
  }
  const longMs = Math.min(LONG_MAX_MS, Math.floor(shortestMs / 20));
  if (longMs < LONG_MIN_MS) return null;
  const shortMs = Math.min(SHORT_MAX_MS, Math.floor(shortestMs / 100));
  return {
    longMs,
    shortMs: shortMs < SHORT_MIN_MS ? 0 : shortMs,
    gatherMs: Math.min(GATHER_MAX_MS, Math.floor(shortestMs / 16)),
  };
}
