import type { BusEvent } from './bus.ts';

/** The part of a logger that is needed; pino's fits. */
export interface BusLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * Writes what happens on the bus to the log. Of the failed attempts to connect only the first of an outage is a warning:
 * they go on for as long as NATS is away.
 */
export function createBusLog(logger: BusLogger): (event: BusEvent) => void {
  let failing = false;
  return (event) => {
    switch (event.type) {
      case 'connected':
        failing = false;
        logger.info({ server: event.server }, 'connected to NATS');
        return;
      case 'disconnected':
        logger.warn({}, 'connection to NATS lost; work goes on without it');
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
