import type { Writable } from 'node:stream';
import { waitFor } from '@headgate/testkit';

/** Resolves once every sender has data that nobody takes, twice in a row the same amount. */
export async function stalled(senders: () => readonly Writable[]): Promise<void> {
  let unsent = '';
  const isStalled = (): boolean => {
    const before = unsent;
    const lengths = senders().map((sender) => sender.writableLength);
    unsent = lengths.join();
    return unsent === before && lengths.every((length) => length > 0);
  };
  await waitFor(isStalled, {
    message: 'the senders to stall',
    intervalMs: 200,
    describe: () => unsent,
  });
}
