import { createDoorbell } from './doorbell.ts';
import type { Lease } from './lease.ts';

/**
 * Looks again and again while this replica holds the lease.
 *
 * @param lookMs from the end of one look to the begin of the next.
 * @param look must not reject.
 * @returns to be closed by the caller; it ends after the look that is under way.
 */
export function lookWhileLeading(
  lease: Pick<Lease, 'held'>,
  lookMs: number,
  look: () => Promise<void>,
): { close(): Promise<void> } {
  const bell = createDoorbell();
  let closed = false;
  const run = async () => {
    while (!closed) {
      if (lease.held) await look();
      await bell.wait(lookMs);
    }
  };
  const running = run();
  return {
    async close() {
      closed = true;
      bell.ring();
      await running;
    },
  };
}
