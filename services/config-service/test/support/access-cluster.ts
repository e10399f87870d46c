import assert from 'node:assert/strict';
import { LimitUsage } from '@headgate/bus';
import { HealthState } from '@headgate/model';
import { systemClock, type Clock } from '@headgate/runtime';
import { Acknowledgements } from '../../src/status/acknowledgements.ts';
import type { ClusterView } from '../../src/status/cluster-view.ts';
import { LimitEvents } from '../../src/limits/limit-events.ts';
import { DemandHistory } from '../../src/limits/demand-history.ts';
import { LimitWatch } from '../../src/limits/limit-watch.ts';
import type { Operation } from '../../src/http/operation.ts';
import { clusterOperations } from '../../src/resources/cluster-operations.ts';
import type { Store } from '../../src/store/store.ts';
import { MARKS } from './access-fixtures.ts';

/** A cluster that has something to tell of every tenant. */
export const VIEW: ClusterView = {
  acknowledgements: new Acknowledgements(systemClock, () => []),
  edges: () => [
    {
      ...{ id: 'edge-1', live: true, lastSeenMs: 1 },
      info: {
        ...{ zone: 'a', adminAddress: '10.9.9.9:1', revision: 1, documents: 4, synced: true },
        ...{ workers: 1, startedAt: 1, version: '1' },
        rejected: Object.values(MARKS).flatMap((mark) => [
          { key: `tenant.acme-${mark}`, revision: 1, reason: mark },
          { key: `plan.gold-${mark}`, revision: 1, reason: mark },
        ]),
      },
    },
  ],
  healthServices: () => [],
  health: () =>
    Object.values(MARKS).map((mark) =>
      HealthState.parse({
        ...{ v: 1, tenantId: `acme-${mark}`, upstreamId: `api-${mark}`, observedAt: 1 },
        endpoints: [{ id: `${mark}:80`, state: 'unhealthy', since: 1, reason: mark }],
      }),
    ),
  close: () => Promise.resolve(),
};

/** Limits of every tenant refuse requests. */
export function watchOfAll(): LimitWatch {
  // Time stands still: answers may differ in nothing but the tenant.
  const clock = { nowMs: () => 1_800_000_000_000, monotonicMs: () => 0 };
  const watch = new LimitWatch({ clock, onExcess: () => assert.fail() });
  const entries = Object.values(MARKS).map((mark) =>
    LimitUsage.parse({
      ...{ tenantId: `acme-${mark}`, level: 'key', scope: `mobile-${mark}`, consumer: mark },
      ...{ name: mark, kind: 'quota', limit: 9, capacity: 9, spanMs: 86_400_000, admitted: 1 },
      ...{ alone: 0, denied: 1, remaining: 0, resetMs: 60_000_000 },
    }),
  );
  watch.receive({ v: 1, edgeId: 'edge-1', atMs: clock.nowMs(), entries });
  return watch;
}

/** Which limit an event is of. */
export type EventPlace = Pick<LimitUsage, 'tenantId' | 'level' | 'scope' | 'name'>;

/** Events on this clock, and what makes limits refuse, in this order. */
export function eventsOf(clock: Clock) {
  const observer = {
    onCount: () => undefined,
    onEvent: () => undefined,
    onLeftOut: () => assert.fail(),
  };
  const events = new LimitEvents({ clock, observer });
  const tell = (...places: readonly EventPlace[]): void => {
    const entries = places.map((place) => ({
      ...{ ...place, consumer: null, kind: 'window', unit: 'requests', shadow: false },
      ...{ limit: 9, capacity: 9, spanMs: 60_000, admitted: 1 },
      ...{ alone: 0, denied: 1, remaining: 0, resetMs: 60_000 },
    })) as LimitUsage[];
    events.receive({ v: 1, edgeId: 'edge-1', atMs: clock.nowMs(), entries });
  };
  return { events, tell };
}

/** Limits of every tenant, and of a pool, have refused requests. */
export function eventsOfAll(): LimitEvents {
  const { events, tell } = eventsOf({ nowMs: () => 1_800_000_000_000, monotonicMs: () => 0 });
  for (const mark of Object.values(MARKS)) {
    tell({ tenantId: `acme-${mark}`, level: 'key', scope: `mobile-${mark}`, name: mark });
    tell({ tenantId: '', level: 'pool', scope: `gold-${mark}.0`, name: mark });
  }
  return events;
}

/** Requests of every tenant, more in one second than the limits of the examples let pass. */
function historyOfAll(): DemandHistory {
  // Past the end of the minute, and after the tenants were made.
  const nowMs = Date.now() + 3_600_000;
  const history = new DemandHistory({ clock: { nowMs: () => nowMs, monotonicMs: () => 0 } });
  const fromSecond = Math.floor(nowMs / 60_000) * 60;
  const entries = Object.values(MARKS).map((mark) => {
    return { tenantId: `acme-${mark}`, costs: [1_000_000] };
  });
  history.receive({ v: 1, edgeId: 'edge-1', fromSecond, entries });
  return history;
}

/** All operations on a cluster that has something to tell of every tenant. */
export function clusterOperationsOfAll(store: Store): Operation[] {
  return clusterOperations({
    ...{ store, view: VIEW, bus: { connected: true } },
    ...{ watch: watchOfAll(), events: eventsOfAll(), history: historyOfAll() },
  });
}
