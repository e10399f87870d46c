/** How long edges took for a change, of those whose acknowledgement is of this very revision. */
export interface ChangeDelay {
  /** Edges that it is known of. */
  readonly edges: number;
  /** From the commit until half of these edges had the change; null if it is known of none. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

/**
 * Time from the commit to an edge's acknowledgement.
 *
 * @param at of the acknowledgement in ms since the epoch, by the clock of the edge, which may be behind: never below 0.
 */
export function delayMs(committedAt: Date, at: number): number {
  return Math.max(0, Math.round(at - committedAt.getTime()));
}

/** Percentiles by the nearest rank: each is the delay of an edge. */
export function changeDelay(delaysMs: readonly number[]): ChangeDelay {
  const sorted = delaysMs.toSorted((a, b) => a - b);
  const percentile = (share: number) => sorted[Math.ceil(sorted.length * share) - 1] ?? null;
  return { edges: sorted.length, p50Ms: percentile(0.5), p99Ms: percentile(0.99) };
}
