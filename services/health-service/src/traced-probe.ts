import type { Tracing } from '@headgate/telemetry';
import type { Probe } from './probe.ts';

/** A probe with a span around each run, or the probe itself while tracing is off. */
export function createTracedProbe(probe: Probe, tracing: Tracing): Probe {
  if (!tracing.enabled) return probe;
  return (target, signal) =>
    tracing.runInSpan(
      `probe ${target.check.type}`,
      {
        'server.address': target.host,
        'server.port': target.port,
        'headgate.probe.timeout_ms': target.check.timeoutMs,
      },
      async (span) => {
        const outcome = await probe(target, signal);
        span.setAttribute('headgate.probe.result', outcome.result);
        span.setAttribute('headgate.probe.reason', outcome.reason);
        return outcome;
      },
    );
}
