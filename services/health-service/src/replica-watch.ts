import { trackPresence, type Bus } from '@headgate/bus';
import type { Clock } from '@headgate/runtime';
import { z } from 'zod';

/** What a replica tells about itself with each heartbeat. */
export interface ReplicaPresence {
  readonly version: string;
  /** ms since the epoch. */
  readonly startedAt: number;
  /** Upstreams it takes care of. */
  readonly upstreams: number;
  /** Tenant documents that it cannot use. */
  readonly rejectedDocuments: number;
}

/** Only the id counts for sharding: a replica of another release is as live as any. */
const AnyInfo = z.unknown();

/** The live replicas of the health-service. Whoever creates it closes it. */
export interface ReplicaWatch {
  /** Compares with the last call and reports a change; the owner calls it about twice a second. */
  tick(): void;
  close(): void;
}

/** Follows the replicas' heartbeats. `onChange` gets all live ids, sorted. */
export function watchReplicas(
  bus: Bus,
  deps: { readonly clock: Clock },
  onChange: (ids: readonly string[]) => void,
): ReplicaWatch {
  const tracker = trackPresence(bus, deps, 'health-service', AnyInfo);
  let known = '';
  return {
    tick() {
      const ids = tracker.live().map(({ id }) => id);
      // Ids hold no line break.
      const now = ids.join('\n');
      if (now === known) return;
      known = now;
      onChange(ids);
    },
    close: () => tracker.unsubscribe(),
  };
}
