import { NatsError, type NatsConnection } from 'nats';

const TIMEOUT_MS = 1000;
const NOT_FOUND = 404;

/**
 * Reads one value of a KV bucket; null if the key (or its value) is not there.
 *
 * It uses the direct API, which only a complete stream answers. The management API does not wait
 * for that: nats-server 2.9.10 crashes (nil store in `jsMsgGetRequest`) when such a read meets a
 * stream that is being created, and edges that wait for their bucket would do that all the time.
 *
 * @throws NatsError after a second if the bucket is missing or incomplete: nobody answers then.
 */
export async function readValue(
  client: NatsConnection,
  bucket: string,
  key: string,
): Promise<Uint8Array | null> {
  const subject = `$JS.API.DIRECT.GET.KV_${bucket}.$KV.${bucket}.${key}`;
  const reply = await client.request(subject, new Uint8Array(), { timeout: TIMEOUT_MS });
  const code = reply.headers?.code ?? 0;
  if (code === NOT_FOUND) return null;
  if (code !== 0) throw new NatsError(reply.headers?.description ?? '', String(code));
  const isValue = (reply.headers?.get('KV-Operation') ?? '') === '';
  return isValue ? reply.data : null;
}
