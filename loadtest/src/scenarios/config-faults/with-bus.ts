import { connectBus, type Bus } from '@headgate/bus';
import { systemClock, systemRandom } from '@headgate/runtime';
import { waitFor } from '@headgate/testkit';

/** Does something with a connection to NATS of its own, beside all faults. */
export async function withBus(url: string, work: (bus: Bus) => Promise<void>): Promise<void> {
  const deps = { clock: systemClock, random: systemRandom };
  const bus = connectBus(deps, { servers: [url], name: 'config-faults' });
  try {
    await waitFor(() => bus.connected, { message: 'a connection to NATS' });
    await work(bus);
  } finally {
    await bus.close();
  }
}

/** The client of a bus that is connected. @throws Error if it is not */
export function clientOf(bus: Bus): NonNullable<ReturnType<Bus['connection']>> {
  const client = bus.connection();
  if (client === null) throw new Error('the connection to NATS is lost');
  return client;
}
