import assert from 'node:assert/strict';
import { LimitUsage } from '@headgate/bus';
import { HealthState } from '@headgate/model';
import { Acknowledgements } from '../../src/status/acknowledgements.ts';
import type { ClusterView } from '../../src/status/cluster-view.ts';
import { LimitWatch } from '../../src/limits/limit-watch.ts';
import { MARKS } from './access-fixtures.ts';

/** A cluster that has something to tell of every tenant. */
export const VIEW: ClusterView = {
  acknowledgements: new Acknowledgements(() => []),
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
