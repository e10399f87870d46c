import { NatsError } from 'nats';
import type { Bus } from './bus.ts';

const TIMEOUT_MS = 3000;
const NOT_FOUND = 404;

/**
 * Reads one value of a KV bucket; null if the key (or its value) is not there.
 *
 * @throws NatsError if the bucket is missing or the server does not answer.
 */
export async function readValue(bus: Bus, bucket: string, key: string): Promise<Uint8Array | null> {
  const client = bus.connection();
  if (client === null) throw new NatsError('not connected', 'DISCONNECT');
  const manager = await client.jetstreamManager({ checkAPI: false, timeout: TIMEOUT_MS });
  try {
    const message = await manager.streams.getMessage(`KV_${bucket}`, {
      last_by_subj: `$KV.${bucket}.${key}`,
    });
    return message.header.get('KV-Operation') === '' ? message.data : null;
  } catch (error) {
    const noMessage =
      error instanceof NatsError &&
      error.api_error?.code === NOT_FOUND &&
      /no message found/.test(error.api_error.description);
    if (noMessage) return null;
    throw error;
  }
}
