import type { HealthPublisher as BusPublisher, WriteOutcome } from '@headgate/bus';
import type { HealthSink } from './publisher.ts';

/** Told when writing begins to fail, and when it works again; not of each failure in between. */
export type OnSinkChange = (working: boolean, detail: string) => void;

/**
 * The health bucket on the bus as a sink. A bucket that is missing (first start, or JetStream lost its data) is made
 * after the write that found out; the publisher's next try then succeeds.
 */
export function createHealthSink(bus: BusPublisher, onChange: OnSinkChange): HealthSink {
  let working = true;
  let ensuring: Promise<unknown> | null = null;
  const settle = async (outcome: WriteOutcome): Promise<boolean> => {
    const detail = outcome.ok ? '' : `${outcome.reason}: ${outcome.detail}`;
    if (outcome.ok !== working) onChange(outcome.ok, detail);
    working = outcome.ok;
    if (!outcome.ok && (outcome.reason === 'missing' || outcome.reason === 'unavailable')) {
      ensuring ??= bus.ensureBucket().finally(() => (ensuring = null));
      await ensuring;
    }
    return outcome.ok;
  };
  return {
    async publish(state) {
      const outcome = await bus.publish(state);
      return outcome === 'unchanged' || settle(outcome);
    },
    remove: async (tenantId, upstreamId) => settle(await bus.remove(tenantId, upstreamId)),
  };
}
