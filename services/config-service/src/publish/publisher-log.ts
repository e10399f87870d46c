import type { Logger } from '@headgate/telemetry';
import type { PublisherObserver } from './publisher.ts';

/** Writes what the publisher does to the log, and counts it. */
export function createPublisherLog(
  logger: Pick<Logger, 'debug' | 'info' | 'warn'>,
  metrics: Pick<PublisherObserver, 'onPublished' | 'onDelivered' | 'onFailure'>,
): PublisherObserver {
  let failing = false;
  return {
    onPublished(document) {
      failing = false;
      metrics.onPublished(document);
      logger.debug({ key: document.key, revision: document.revision }, 'published');
    },
    onDelivered: (delaysMs) => metrics.onDelivered(delaysMs),
    onFailure(what, error) {
      metrics.onFailure(what, error);
      const fields = error instanceof Error ? { what, err: error } : { what, reason: error };
      // Retries go on for as long as NATS is away; one line tells of it.
      logger[failing ? 'debug' : 'warn'](fields, 'publishing failed, will be tried again');
      failing = true;
    },
    onRepublish: (count) =>
      logger.info({ documents: count }, 'the bucket lacks documents, publishing them again'),
  };
}
