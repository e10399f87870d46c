/** This limiter's place among the live ones, from presence. Each worker of an edge has its own limiter and counts. */
export interface EdgeShare {
  /** Most edges that served at once over the last minute, this one included; values below 1 count as 1. */
  readonly liveEdges: number;
  /** This edge's place among them by rendezvous hashing, 0 … liveEdges − 1. */
  readonly rank: number;
}

/** The part of a limit that one edge enforces alone: floor(L / E), and 1 more for the first L mod E edges. Sums to L. */
export function shareOf(limit: number, share: EdgeShare): number {
  const edges = Math.max(1, Math.floor(share.liveEdges));
  return Math.floor(limit / edges) + (share.rank < limit % edges ? 1 : 0);
}
