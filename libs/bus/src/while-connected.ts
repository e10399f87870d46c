import { ErrorCode, NatsError } from 'nats';
import type { Bus } from './bus.ts';

/**
 * Waits for an answer, but not longer than the connection lives: the client lets a request that
 * was under way when the connection broke run into its timeout.
 *
 * @throws what `answer` rejects with, or NatsError DISCONNECT.
 */
export async function whileConnected<T>(
  bus: Pick<Bus, 'onConnection'>,
  answer: Promise<T>,
): Promise<T> {
  const lost = Promise.withResolvers<never>();
  const subscription = bus.onConnection((connected) => {
    if (!connected) lost.reject(NatsError.errorForCode(ErrorCode.Disconnect));
  });
  try {
    return await Promise.race([answer, lost.promise]);
  } finally {
    subscription.unsubscribe();
    // Whichever lost the race may still reject; nobody waits for it any more.
    answer.catch(() => undefined);
    lost.promise.catch(() => undefined);
  }
}
