import type { ProbeTarget } from './targets.ts';

/** What one probe found. */
export interface ProbeOutcome {
  readonly result: 'success' | 'failure' | 'timeout';
  /** For people and within 200 characters: `status 503`, `connect ECONNREFUSED`, `timeout after 1000 ms`. */
  readonly reason: string;
}

/**
 * Asks one endpoint once. Every failure of the network or the endpoint is an outcome; a rejection is a bug.
 *
 * @param signal ends the probe: its reason is a `TimeoutError` when the timeout of the check has passed.
 */
export type Probe = (target: ProbeTarget, signal: AbortSignal) => Promise<ProbeOutcome>;

/** Creates the probe that chooses by the type of the check. */
export function createProbe(byType: Readonly<Record<'http' | 'tcp', Probe>>): Probe {
  return (target, signal) => byType[target.check.type](target, signal);
}

/** The outcome of a probe that threw: the system's error code says most, the message is the fallback. */
export function failureOf(error: unknown, timeoutMs: number): ProbeOutcome {
  if (error instanceof Error && error.name === 'TimeoutError') {
    return { result: 'timeout', reason: `timeout after ${timeoutMs} ms` };
  }
  return { result: 'failure', reason: describe(error).slice(0, 200) };
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return 'failed';
  // Happy eyeballs reports one error per address; the first stands for all.
  if (error instanceof AggregateError) return describe(error.errors[0]);
  const { code, syscall } = error as NodeJS.ErrnoException; // both optional: absent on other errors
  if (code === undefined) return error.message;
  return syscall === undefined ? code : `${syscall} ${code}`;
}
