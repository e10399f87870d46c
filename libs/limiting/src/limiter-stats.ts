/** Plain counters of a limiter, exported at scrape. All rise only, except `degradedSinceMs` and `slotsHeld`. */
export interface LimiterStats {
  /** Requests by outcome and source. */
  admittedByStore: number;
  deniedByStore: number;
  /** Admitted from a lease, without a call. */
  admittedByLease: number;
  deniedByDenyCache: number;
  admittedByShare: number;
  deniedByShare: number;
  /** The share of this edge is smaller than the cost. */
  unavailableByShare: number;
  admittedByOpen: number;
  unavailableByClosed: number;
  /** Refused because `waitingUnitsMax` requests, or half as many of the same tenant, already waited for the store. */
  unavailableByOverflow: number;
  /** Store calls, the merged entries in them and the requests in those. */
  batches: number;
  batchedItems: number;
  batchedUnits: number;
  /** Leases granted, their cost, and how much of it was used and returned. What is neither lapses. */
  leases: number;
  leasedCost: number;
  leaseUsedCost: number;
  leaseReturnedCost: number;
  /** Cost that was admitted and given back, as another level refused the request. */
  refundedCost: number;
  /** Bytes of bodies that were taken of the store and given back to it. */
  bytesReturned: number;
  /** Failed takes, probes and replays, and how many of them were timeouts. */
  storeErrors: number;
  storeTimeouts: number;
  /** Times the store was given up. */
  storeLosses: number;
  /** Wall-clock time in ms since when the store has not been used; 0 when it is. */
  degradedSinceMs: number;
  /** Time in ms in which the store was not used, also at the start; of a sharded limiter the sum over its shards. */
  degradedMs: number;
  /** Rule usages told to the store after a loss. */
  replayedRules: number;
  /** Records of rules (deny times, own recent usage) dropped to make room. */
  denyCacheEvictions: number;
  /** Slots held by requests in flight. */
  slotsHeld: number;
  /** Held slots that a renewal found missing in the store: lapsed, lost, or admitted without it. */
  slotsLapsed: number;
  /** Jumps of the store's clock against the monotonic clock by more than a second. */
  storeClockSteps: number;
}

/** All zero. */
export function createLimiterStats(): LimiterStats {
  return {
    admittedByStore: 0,
    deniedByStore: 0,
    admittedByLease: 0,
    deniedByDenyCache: 0,
    admittedByShare: 0,
    deniedByShare: 0,
    unavailableByShare: 0,
    admittedByOpen: 0,
    unavailableByClosed: 0,
    unavailableByOverflow: 0,
    batches: 0,
    batchedItems: 0,
    batchedUnits: 0,
    leases: 0,
    leasedCost: 0,
    leaseUsedCost: 0,
    leaseReturnedCost: 0,
    refundedCost: 0,
    bytesReturned: 0,
    storeErrors: 0,
    storeTimeouts: 0,
    storeLosses: 0,
    degradedSinceMs: 0,
    degradedMs: 0,
    replayedRules: 0,
    denyCacheEvictions: 0,
    slotsHeld: 0,
    slotsLapsed: 0,
    storeClockSteps: 0,
  };
}
