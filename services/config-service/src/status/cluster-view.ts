import {
  EdgePresence,
  subscribeAcks,
  trackPresence,
  watchHealth,
  type Bus,
  type Member,
} from '@headgate/bus';
import { healthKey, type HealthState } from '@headgate/model';
import { BoundedMap, type Clock, type Random } from '@headgate/runtime';
import { z } from 'zod';
import { Acknowledgements } from './acknowledgements.ts';

/** A member of the cluster and when it was seen. */
export interface SeenMember<Info> extends Member<Info> {
  readonly live: boolean;
  /** ms since the epoch. */
  readonly lastSeenMs: number;
}

/** What the config-service sees of the rest of the cluster. Whoever creates it closes it. */
export interface ClusterView {
  readonly acknowledgements: Acknowledgements;
  edges(): readonly SeenMember<EdgePresence>[];
  healthServices(): readonly SeenMember<unknown>[];
  /** Health of upstreams as last published, in no order; at most 100,000. */
  health(): Iterable<HealthState>;
  close(): Promise<void>;
}

const MEMBERS_MAX = 1000;
const UPSTREAMS_MAX = 100_000;
const LOOK_MS = 1000;

/** Follows presence, acknowledgements and health on the bus. */
export function createClusterView(
  bus: Bus,
  deps: { readonly clock: Clock; readonly random: Random },
): ClusterView {
  const edges = trackPresence(bus, deps, 'edge', EdgePresence);
  const healthServices = trackPresence(bus, deps, 'health-service', z.unknown());
  const acknowledgements = new Acknowledgements(deps.clock, () =>
    edges.live().map(({ id, info }) => ({ ...info, id })),
  );
  const acks = subscribeAcks(bus, (edgeId, batch) => acknowledgements.add(edgeId, batch));
  const states = new BoundedMap<string, HealthState>(UPSTREAMS_MAX);
  const health = watchHealth(bus, deps, {
    onState: (state) => states.set(healthKey(state), state),
    onRemoved: (key) => void states.delete(key),
  });
  const seenEdges = createMemory(() => edges.live(), deps.clock);
  const seenHealthServices = createMemory(() => healthServices.live(), deps.clock);
  // Members that come and go between two questions are remembered too.
  const ticker = setInterval(() => {
    seenEdges();
    seenHealthServices();
    acknowledgements.forgetGone();
  }, LOOK_MS);
  return {
    acknowledgements,
    edges: seenEdges,
    healthServices: seenHealthServices,
    health: () => states.values(),
    async close() {
      clearInterval(ticker);
      acks.unsubscribe();
      edges.unsubscribe();
      healthServices.unsubscribe();
      await health.close();
    },
  };
}

/** Remembers members after they have gone, so that status can name them. */
function createMemory<Info>(live: () => readonly Member<Info>[], clock: Clock) {
  const seen = new BoundedMap<string, SeenMember<Info>>(MEMBERS_MAX);
  return (): readonly SeenMember<Info>[] => {
    const present = live();
    const ids = new Set(present.map(({ id }) => id));
    const lastSeenMs = clock.nowMs();
    for (const member of present) seen.set(member.id, { ...member, live: true, lastSeenMs });
    return [...seen.entries()]
      .map(([id, member]) => ({ ...member, live: ids.has(id) }))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  };
}
