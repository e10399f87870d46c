import { waitFor } from '@headgate/testkit';
import type { ConfigApi } from './config-api.ts';

/** Waits until the config-service has published all that was written. @throws Error after `deadlineMs` */
export async function waitForPublished(
  api: Pick<ConfigApi, 'send'>,
  deadlineMs: number,
): Promise<void> {
  await waitFor(
    async () => {
      const { body } = await api.send('GET', '/v1/status');
      return (body['outbox'] as { readonly pending: number }).pending === 0; // of our own service
    },
    { message: 'all changes to be published', deadlineMs, intervalMs: 50 },
  );
}
