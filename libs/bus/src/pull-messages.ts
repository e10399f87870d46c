import { createInbox, nanos, type Msg, type NatsConnection } from 'nats';

// Why not the client's KV watch: it is a push consumer that the client repairs after missed
// heartbeats (10 s and more), its queue in memory has no bound, and it can end or fall silent after
// a server restart. A pull request names its own end: the server answers it, sends a heartbeat
// every second, or is gone. So a death shows within three seconds whatever happened.

/** Why pulling ended. */
export type PullEnd =
  /** No message and no heartbeat for three seconds. */
  | 'silent'
  /** A message of the consumer is missing. */
  | 'gap'
  /** The consumer or its stream was deleted, or its server shut down. */
  | 'consumer-gone'
  /** The connection is lost. */
  | 'disconnected'
  /** The caller's signal. */
  | 'stopped';

/** One stored message of a stream. */
export interface StoredMessage {
  readonly subject: string;
  /** A view that is valid during the callback; copy to keep. */
  readonly data: Uint8Array;
  /** `DEL` or `PURGE` for the markers that KV clients leave; '' for a value. */
  readonly operation: string;
  /** Its position in the stream. */
  readonly sequence: number;
  /** How many more there are for this consumer. */
  readonly pending: number;
}

const BATCH = 128;
const EXPIRES_MS = 10_000;
const HEARTBEAT_MS = 1000;
const SILENCE_MS = 3 * HEARTBEAT_MS;

/**
 * Pulls the messages of a consumer, in order, until something goes wrong or the signal comes.
 * A request is for at most 128 messages, and the next one goes out when half of them are here, if there are enough for
 * both: the server need not wait for it, and what waits in memory is bounded.
 */
export function pullMessages(
  client: NatsConnection,
  consumer: { readonly stream: string; readonly name: string },
  onMessage: (message: StoredMessage) => void,
  signal: AbortSignal,
): Promise<PullEnd> {
  const { promise, resolve: end } = Promise.withResolvers<PullEnd>();
  const inbox = createInbox();
  const subject = `$JS.API.CONSUMER.MSG.NEXT.${consumer.stream}.${consumer.name}`;
  const request = Buffer.from(
    JSON.stringify({
      batch: BATCH,
      expires: nanos(EXPIRES_MS),
      idle_heartbeat: nanos(HEARTBEAT_MS),
    }),
  );
  /** Messages asked for that have not come. */
  let left = 0;
  let delivered = 0;
  const pull = () => {
    left += BATCH;
    client.publish(subject, request, { reply: inbox });
  };
  const onReply = (message: Msg) => {
    silence.refresh();
    const code = message.headers?.code ?? 0;
    if (code === 100) return;
    // 404 and 408: a request has ended without (enough) messages.
    if (code === 404 || code === 408) {
      left = 0;
      return pull();
    }
    if (code !== 0 || message.reply === undefined) return end('consumer-gone');
    const position = ackPosition(message.reply);
    delivered += 1;
    if (position === null || position.delivered !== delivered) return end('gap');
    onMessage({
      subject: message.subject,
      data: message.data,
      operation: message.headers?.get('KV-Operation') ?? '',
      sequence: position.sequence,
      pending: position.pending,
    });
    left -= 1;
    // Two requests are out only if messages for both are there, so both end without the server saying so.
    if (left <= 0 || (left === BATCH / 2 && position.pending >= left + BATCH)) pull();
  };
  const subscription = client.subscribe(inbox, {
    callback: (error, message) => {
      if (signal.aborted) return;
      if (error !== null) return end('consumer-gone');
      try {
        onReply(message);
      } catch {
        // Only publishing can throw here: the connection is closed.
        end('disconnected');
      }
    },
  });
  const silence = setTimeout(() => end('silent'), SILENCE_MS);
  const onAbort = () => end('stopped');
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) end('stopped');
  else pull();
  return promise.finally(() => {
    clearTimeout(silence);
    signal.removeEventListener('abort', onAbort);
    if (!subscription.isClosed()) subscription.unsubscribe();
  });
}

/**
 * Reads the reply subject of a message:
 * `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>`, or since
 * server 2.10 optionally `$JS.ACK.<domain>.<account>.<stream>…`.
 */
function ackPosition(
  reply: string,
): { readonly sequence: number; readonly delivered: number; readonly pending: number } | null {
  const tokens = reply.split('.');
  const shift = tokens.length >= 11 ? 2 : 0;
  const sequence = Number(tokens[5 + shift]);
  const delivered = Number(tokens[6 + shift]);
  const pending = Number(tokens[8 + shift]);
  const usable = [sequence, delivered, pending].every(Number.isSafeInteger);
  return usable ? { sequence, delivered, pending } : null;
}
