import type { Readiness } from '@headgate/telemetry';
import type { Store } from '../store/store.ts';

/** Whether the service can do its work; ask {@link StoreReadiness.current} for `/readyz`. */
export interface StoreReadiness {
  current(): Readiness;
  close(): void;
}

/** A database that is lost shows after at most this time and the store's deadline of 1.8 s. */
const CHECK_MS = 1000;

/**
 * Asks the database time and again whether it answers: without it neither reads nor changes are possible. The service is
 * ready without NATS, as changes are accepted and published when it is there again.
 *
 * @param checkMs between the end of a question and the next.
 */
export function createStoreReadiness(
  store: Pick<Store, 'figures'>,
  checkMs: number = CHECK_MS,
): StoreReadiness {
  let ready = true; // the database has been opened just now
  let closed = false;
  let timer: NodeJS.Timeout;
  const schedule = () => {
    timer = setTimeout(() => void check(), checkMs);
  };
  const check = async () => {
    ready = await store.figures().then(
      () => true,
      () => false,
    );
    if (!closed) schedule();
  };
  schedule();
  return {
    current: () => ({ ready, reasons: ready ? [] : ['the database does not answer'] }),
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
