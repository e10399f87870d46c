import { HealthState } from '@headgate/model';
import { Acknowledgements } from '../../src/status/acknowledgements.ts';
import type { ClusterView } from '../../src/status/cluster-view.ts';
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
