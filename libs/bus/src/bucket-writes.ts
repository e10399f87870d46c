import type { Bus } from './bus.ts';
import { jetStreamFault, type JetStreamFault } from './jetstream-error.ts';
import { whileConnected } from './while-connected.ts';

/** Result of a write to JetStream. */
export type WriteOutcome =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly reason: JetStreamFault;
      /** The server's words, for the log. */
      readonly detail: string;
    };

const TIMEOUT_MS = 5000;

/** Creates a KV bucket that keeps one value per key, unless it exists. Never rejects. */
export async function ensureBucket(
  bus: Bus,
  bucket: string,
  options: { readonly replicas: number },
): Promise<WriteOutcome> {
  return write(bus, async (client) => {
    const views = client.jetstream({ timeout: TIMEOUT_MS }).views;
    const { replicas } = options;
    // Watches read through the direct API.
    await views.kv(bucket, { history: 1, replicas, allow_direct: true, timeout: TIMEOUT_MS });
  });
}

/** Stores a value and waits until JetStream has confirmed it. Never rejects. */
export async function putValue(
  bus: Bus,
  bucket: string,
  key: string,
  value: Uint8Array,
  timeoutMs = TIMEOUT_MS,
): Promise<WriteOutcome> {
  return write(bus, async (client) => {
    await client.jetstream().publish(`$KV.${bucket}.${key}`, value, { timeout: timeoutMs });
  });
}

/** Removes a key, leaving a marker that watchers see. Never rejects. */
export async function deleteValue(bus: Bus, bucket: string, key: string): Promise<WriteOutcome> {
  return write(bus, async (client) => {
    const kv = await client.jetstream({ timeout: TIMEOUT_MS }).views.kv(bucket, { bindOnly: true });
    await kv.purge(key);
  });
}

async function write(
  bus: Bus,
  act: (client: NonNullable<ReturnType<Bus['connection']>>) => Promise<void>,
): Promise<WriteOutcome> {
  const client = bus.connection();
  if (client === null) return { ok: false, reason: 'disconnected', detail: 'not connected' };
  try {
    await whileConnected(bus, act(client));
    return { ok: true };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { ok: false, reason: jetStreamFault(error), detail };
  }
}
