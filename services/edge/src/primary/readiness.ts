import type { Readiness } from '@headgate/telemetry';

/** What decides whether an edge is ready. */
export interface ReadinessFacts {
  /** Synced once with the config-service, or restored from the disk. */
  readonly configurationComplete: boolean;
  readonly listeningWorkers: number;
  /** Why the last worker ended unexpectedly; '' if none did. */
  readonly lastWorkerEnd: string;
  readonly draining: boolean;
}

/** An edge is ready with a complete configuration and at least one worker that accepts; never half-way. */
export function judgeReadiness(facts: ReadinessFacts): Readiness {
  const reasons: string[] = [];
  if (facts.draining) reasons.push('the edge is draining');
  if (!facts.configurationComplete) {
    reasons.push('no complete configuration: none on disk, and the first sync is not done');
  }
  if (facts.listeningWorkers === 0) {
    const why = facts.lastWorkerEnd === '' ? '' : `; the last one ended: ${facts.lastWorkerEnd}`;
    reasons.push(`no worker accepts connections${why}`);
  }
  return { ready: reasons.length === 0, reasons };
}
