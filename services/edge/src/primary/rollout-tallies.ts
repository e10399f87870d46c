import type { RolloutCount } from '@headgate/bus';
import {
  DURATION_BUCKETS,
  STATUS_CLASSES,
  TENANT_BUCKETS_AT,
  type WorkerSnapshot,
} from '@headgate/telemetry';

/** A rollout that this edge holds. */
export interface HeldRollout {
  readonly tenantId: string;
  /** Of its document. */
  readonly revision: number;
  /** Whether workers serve the candidate, and not the tenant's own document. */
  readonly serving: boolean;
}

interface Tally {
  readonly rollout: HeldRollout;
  readonly statuses: number[];
  readonly durations: number[];
  /** What workers tell has been counted since the edge holds the revision. */
  counting: boolean;
}

/**
 * Counts the requests of tenants in a rollout, from the metrics of the workers:
 *
 *     begin ──► workers tell what they counted so far, which is of before ──► opened ──► add, add, …
 */
export class RolloutTallies {
  readonly #tallies = new Map<string, Tally>();

  /** What this edge holds now; a revision that is new here starts at zero. Call it before metrics are taken. */
  begin(rollouts: readonly HeldRollout[]): void {
    const held = new Set(rollouts.map(({ tenantId }) => tenantId));
    for (const tenantId of this.#tallies.keys()) {
      if (!held.has(tenantId)) this.#tallies.delete(tenantId);
    }
    for (const rollout of rollouts) {
      const known = this.#tallies.get(rollout.tenantId)?.rollout;
      if (known?.revision === rollout.revision && known.serving === rollout.serving) continue;
      this.#tallies.set(rollout.tenantId, {
        rollout,
        statuses: STATUS_CLASSES.map(() => 0),
        durations: Array.from({ length: DURATION_BUCKETS }, () => 0),
        counting: false,
      });
    }
  }

  /** Takes what a worker counted since it was asked last. */
  add({ tenants }: Pick<WorkerSnapshot, 'tenants'>): void {
    if (this.#tallies.size === 0) return;
    for (const [tenantId, counts] of tenants) {
      const tally = this.#tallies.get(tenantId);
      if (tally?.counting !== true) continue;
      addInto(tally.statuses, counts, 0);
      addInto(tally.durations, counts, TENANT_BUCKETS_AT);
    }
  }

  /** Every worker has been asked since {@link begin}. */
  opened(): void {
    for (const tally of this.#tallies.values()) tally.counting = true;
  }

  /** Totals of each rollout. */
  totals(): RolloutCount[] {
    return [...this.#tallies.values()].map(({ rollout, statuses, durations }) => ({
      ...rollout,
      counts: { statuses: [...statuses], durations: [...durations] },
    }));
  }
}

function addInto(totals: number[], counts: readonly number[], from: number): void {
  for (let at = 0; at < totals.length; at += 1) {
    totals[at] = (totals[at] ?? 0) + (counts[from + at] ?? 0);
  }
}
