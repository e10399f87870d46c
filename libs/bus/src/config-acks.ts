import { BoundedQueue, type Clock } from '@headgate/runtime';
import type { Bus, Subscription } from './bus.ts';
import { ACKS_MAX, ConfigAckBatch, type ConfigAck } from './config-messages.ts';
import { encodeMessage, parseMessage } from './parse-message.ts';
import { subjects } from './subjects.ts';

/** Sends acknowledgements in batches. Whoever creates it closes it. */
export interface AckPublisher {
  /** Queues one; false, and counted, if the queue is full. */
  add(ack: ConfigAck): boolean;
  /** How many were refused. */
  readonly refusals: number;
  /** Sends what is queued if connected, and stops. */
  close(): void;
}

const QUEUE_MAX = 20_000;

/**
 * Batches are at least this far apart while changes follow each other closely: every config-service reads each of them,
 * from every edge. One after a pause waits for `flushMs` only.
 */
const BATCH_GAP_MS = 50;

/**
 * Creates a publisher of acknowledgements. While the bus is disconnected they wait in a queue of
 * at most 20,000; they are a report, and a lost one is repaired by the edge's presence.
 *
 * @param options.flushMs wait of an acknowledgement for others, in ms; default 100. In a stream of them at most 50 more.
 */
export function createAckPublisher(
  bus: Pick<Bus, 'connected' | 'publish' | 'onConnection'>,
  { clock }: { readonly clock: Pick<Clock, 'monotonicMs'> },
  options: { readonly edgeId: string; readonly flushMs?: number },
): AckPublisher {
  const queue = new BoundedQueue<ConfigAck>(QUEUE_MAX);
  const { edgeId, flushMs = 100 } = options;
  let timer: NodeJS.Timeout | null = null;
  let sentMs = -Infinity;
  const flush = () => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    while (queue.length > 0 && bus.connected) {
      sentMs = clock.monotonicMs();
      const acks: ConfigAck[] = [];
      while (acks.length < ACKS_MAX) {
        const ack = queue.shift();
        if (ack === undefined) break;
        acks.push(ack);
      }
      const batch: ConfigAckBatch = { v: 1, edgeId, acks };
      bus.publish(subjects.configAck, encodeMessage(batch));
    }
  };
  const connection = bus.onConnection(flush);
  return {
    add(ack) {
      if (timer === null) {
        const gapMs = sentMs + BATCH_GAP_MS - clock.monotonicMs();
        timer = setTimeout(flush, Math.max(flushMs, gapMs));
      }
      return queue.push(ack);
    },
    get refusals() {
      return queue.refusals;
    },
    close() {
      connection.unsubscribe();
      flush();
    },
  };
}

/** Hears the acknowledgements of all edges; malformed batches are dropped and counted. */
export function subscribeAcks(
  bus: Bus,
  onAcks: (edgeId: string, acks: readonly ConfigAck[]) => void,
): Subscription & { readonly malformed: number } {
  let malformed = 0;
  const subscription = bus.subscribe(subjects.configAck, ({ data }) => {
    const batch = parseMessage(ConfigAckBatch, data);
    if (batch.ok) onAcks(batch.value.edgeId, batch.value.acks);
    else malformed += 1;
  });
  return {
    unsubscribe: () => subscription.unsubscribe(),
    get malformed() {
      return malformed;
    },
  };
}
