import type { RawClient } from './raw-client.ts';

/** Sends `bytes` every `intervalMs` milliseconds until `work` is done or fails; returns what it returns. */
export async function whileSending<T>(
  client: RawClient,
  bytes: string | Uint8Array,
  intervalMs: number,
  work: () => Promise<T>,
): Promise<T> {
  const timer = setInterval(() => client.send(bytes), intervalMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
