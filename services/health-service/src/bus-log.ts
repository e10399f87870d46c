import type { BusEvent } from '@headgate/bus';
import type { Logger } from '@headgate/telemetry';

/**
 * Writes what happens on the bus to the log. Of the failed attempts to connect only the first of an outage is a warning:
 * they go on for as long as NATS is away.
 */
export function createBusLog(logger: Logger): (event: BusEvent) => void {
  let failing = false;
  return (event) => {
    switch (event.type) {
      case 'connected':
        failing = false;
        logger.info({ server: event.server }, 'connected to NATS');
        return;
      case 'disconnected':
        logger.warn('connection to NATS lost; probing goes on');
        return;
      case 'connect-failed':
        logger[failing ? 'debug' : 'warn']({ reason: messageOf(event.error) }, 'NATS not reached');
        failing = true;
        return;
      case 'server-error':
        logger.warn({ code: event.code }, 'error from NATS');
        return;
      case 'callback-failed':
        logger.error({ where: event.where, err: event.error }, 'message not handled');
    }
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
