import { createWorkerMetrics, type WorkerMetrics } from '@headgate/telemetry';
import type { WorkerEnd } from './worker-process.ts';

/** What the primary knows of itself when metrics are taken. */
export interface PrimaryFacts {
  readonly documents: number;
  readonly quarantined: number;
  readonly revision: number;
  /** Time since the last message about the configuration, in seconds. */
  readonly configAgeSeconds: number;
  readonly busConnected: boolean;
  readonly draining: boolean;
  readonly workerRestarts: Readonly<Record<WorkerEnd, number>>;
  /** Reports of workers that a revision throws. */
  readonly revisionFaults: number;
}

const WORKER_ENDS: readonly WorkerEnd[] = ['exited', 'killed', 'blocked', 'failed'];

/** The primary's own metrics; it is one more contributor beside the workers. */
export function createPrimaryMetrics(facts: () => PrimaryFacts): WorkerMetrics {
  const metrics = createWorkerMetrics();
  const active = metrics.gauge('headgate_config_documents', { state: 'active' });
  const quarantined = metrics.gauge('headgate_config_documents', { state: 'quarantined' });
  const rejected = metrics.gauge('headgate_config_rejected_documents', {});
  const revision = metrics.gauge('headgate_config_revision', {});
  const age = metrics.gauge('headgate_config_age_seconds', {});
  const connected = metrics.gauge('headgate_bus_connected', {});
  const draining = metrics.gauge('headgate_draining', {});
  const totals = [
    {
      cell: metrics.counter('headgate_revision_faults_total', {}),
      of: (now: PrimaryFacts) => now.revisionFaults,
      reported: 0,
    },
    ...WORKER_ENDS.map((cause) => ({
      cell: metrics.counter('headgate_worker_restarts_total', { cause }),
      of: (now: PrimaryFacts) => now.workerRestarts[cause],
      reported: 0,
    })),
  ];
  metrics.onSnapshot(() => {
    const now = facts();
    active.value = now.documents;
    quarantined.value = now.quarantined;
    rejected.value = now.quarantined;
    revision.value = now.revision;
    age.value = now.configAgeSeconds;
    connected.value = now.busConnected ? 1 : 0;
    draining.value = now.draining ? 1 : 0;
    for (const total of totals) {
      const value = total.of(now);
      total.cell.value += value - total.reported;
      total.reported = value;
    }
  });
  return metrics;
}
