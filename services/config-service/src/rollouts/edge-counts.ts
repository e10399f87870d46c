import type { RequestCounts, RolloutCount } from '@headgate/bus';
import { BoundedMap, type Clock } from '@headgate/runtime';
import { addCounts } from './request-counts.ts';

/** What edges have counted of one revision of a rollout. */
export interface CountedRequests {
  /** On edges that serve the candidate; null for no such edge. */
  readonly candidate: RequestCounts | null;
  /** On the others. */
  readonly others: RequestCounts | null;
  /** Whether an edge that serves it was heard of lately. */
  readonly fresh: boolean;
}

interface Heard extends RolloutCount {
  readonly atMs: number;
}

const ROLLOUTS_MAX = 10_000;
const EDGES_MAX = 1000;
/** Edges tell every second. */
const FRESH_MS = 5000;

/**
 * The newest counts of each edge. They are totals of its process since it holds the revision: whoever starts to listen
 * knows all of them within a second, and an edge that starts again counts from zero.
 */
export class EdgeCounts {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #byTenant = new BoundedMap<string, BoundedMap<string, Heard>>(ROLLOUTS_MAX);

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** Takes what an edge tells. */
  add(edgeId: string, rollouts: readonly RolloutCount[]): void {
    const atMs = this.#clock.monotonicMs();
    for (const rollout of rollouts) {
      let edges = this.#byTenant.get(rollout.tenantId);
      if (edges === undefined) {
        edges = new BoundedMap(EDGES_MAX);
        this.#byTenant.set(rollout.tenantId, edges);
      }
      edges.set(edgeId, { ...rollout, atMs });
    }
  }

  /** What is known of a revision. */
  of(tenantId: string, revision: number): CountedRequests {
    const heard = [...(this.#byTenant.get(tenantId)?.entries() ?? [])]
      .map(([, count]) => count)
      .filter((count) => count.revision === revision);
    const serving = heard.filter((count) => count.serving);
    const freshMs = this.#clock.monotonicMs() - FRESH_MS;
    return {
      candidate: addCounts(serving.map(({ counts }) => counts)),
      others: addCounts(heard.filter((count) => !count.serving).map(({ counts }) => counts)),
      fresh: serving.some(({ atMs }) => atMs >= freshMs),
    };
  }
}
