import assert from 'node:assert/strict';
import { waitFor } from '@headgate/testkit';
import { connectRaw, type RawClient } from './raw-client.ts';

/** Opens connections, which the kernel spreads over the workers, and uses each for one request. */
export async function usedConnections(
  port: number,
  count: number,
  request: string,
): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  for (let index = 0; index < count; index += 1) {
    const client = await connectRaw(port);
    client.send(request);
    await client.response();
    clients.push(client);
  }
  return clients;
}

/** Waits for the end of so many of the used connections; the others, at least one, must answer with `status`. */
export async function assertOthersServed(
  clients: readonly RawClient[],
  ended: number,
  request: string,
  status: number,
): Promise<void> {
  assert.ok(ended > 0 && ended < clients.length, `${ended} of ${clients.length} must end`);
  const open = (): readonly RawClient[] => clients.filter((client) => client.state() === 'open');
  await waitFor(() => open().length <= clients.length - ended, {
    message: `the end of ${ended} connections`,
  });
  const survivors = open();
  assert.equal(survivors.length, clients.length - ended);
  for (const client of survivors) {
    client.send(request);
    assert.equal((await client.response(1)).status, status);
  }
}
