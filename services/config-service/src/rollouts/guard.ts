import { subscribeRolloutCounts, type Bus, type RequestCounts } from '@headgate/bus';
import { documentKey } from '@headgate/model';
import type { Clock } from '@headgate/runtime';
import type { EdgeReport } from '../status/acknowledgements.ts';
import type { ClusterView } from '../status/cluster-view.ts';
import type { StoredRollout } from '../store/rollouts.ts';
import { EdgeCounts } from './edge-counts.ts';
import { judge, type Judgement } from './judge.ts';
import { addCounts } from './request-counts.ts';

/** What the edges say of a rollout. */
export interface Observation {
  readonly candidate: RequestCounts | null;
  /** Requests without the candidate since the rollout began. */
  readonly baseline: RequestCounts | null;
  readonly judgement: Judgement;
  /** Whether an edge that serves it was heard of lately. */
  readonly fresh: boolean;
  /** Edges that serve it, or refuse to. */
  readonly edges: readonly EdgeReport[];
  /** An edge that cannot serve it, and why; null for none. */
  readonly rejection: string | null;
}

/** Looks at rollouts; each replica hears all edges. Whoever creates it closes it. */
export interface RolloutGuardian {
  observe(rollout: StoredRollout): Observation;
  /** Why no rollout to these rings can start now; null if one can. */
  refuseStart(rings: readonly string[]): string | null;
  close(): void;
}

/** Starts to listen to the edges. */
export function createRolloutGuardian(
  deps: { readonly clock: Clock },
  bus: Pick<Bus, 'subscribe'>,
  view: Pick<ClusterView, 'edges' | 'acknowledgements'>,
): RolloutGuardian {
  const counts = new EdgeCounts(deps.clock);
  const subscription = subscribeRolloutCounts(bus, (edgeId, rollouts) =>
    counts.add(edgeId, rollouts),
  );
  return {
    observe(rollout) {
      const { tenantId, revision, plan } = rollout;
      const { candidate, others, fresh } = counts.of(tenantId, revision);
      const baseline = addCounts([rollout.baseline, others]);
      const key = documentKey('rollout', tenantId);
      const edges = view.acknowledgements.reports(key, revision);
      return {
        ...{ candidate, baseline, fresh, edges },
        judgement: judge(candidate, baseline, plan.guard),
        rejection: rejectionOf(view, key, revision),
      };
    },
    refuseStart: (rings) => refuseStart(view, rings),
    close: () => subscription.unsubscribe(),
  };
}

/** Edges repeat in their presence what they reject, so it is known after a restart too. */
function rejectionOf(
  view: Pick<ClusterView, 'edges'>,
  key: string,
  revision: number,
): string | null {
  for (const { id, info, live } of view.edges()) {
    if (!live) continue;
    const found = info.rejected.find((one) => one.key === key && one.revision === revision);
    if (found !== undefined) return `edge ${id} cannot serve it: ${found.reason}`;
  }
  return null;
}

function refuseStart(view: Pick<ClusterView, 'edges'>, rings: readonly string[]): string | null {
  const live = view.edges().filter((edge) => edge.live);
  const old = live.find(({ info }) => info.ring === undefined);
  if (old !== undefined) {
    return `edge ${old.id} runs a release without rollouts; bring it up to date first`;
  }
  const present = new Set(live.map(({ info }) => info.ring));
  const empty = rings.find((ring) => !present.has(ring));
  if (empty === undefined) return null;
  return `no live edge is in ring "${empty}"; set HEADGATE_EDGE_RING of some edges`;
}
