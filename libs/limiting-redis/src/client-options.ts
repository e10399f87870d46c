import type { RedisOptions } from 'ioredis';
import { fullJitterMs, type Random } from '@headgate/runtime';
import type { RedisAccess } from './redis-target.ts';

/** Timing in ms; all optional. */
export interface RedisLimitStoreOptions {
  /** Longest time a call may take. Default 25. */
  readonly commandTimeoutMs?: number;
  /** Longest time to connect. Default 1,000. */
  readonly connectTimeoutMs?: number;
  /** A connection on which an answer is due for this long is dead and is replaced. Default 2,000. */
  readonly silenceTimeoutMs?: number;
  /** Full-jitter back-off of reconnects: first and longest ceiling. Default 50 and 1,000. */
  readonly reconnectBaseMs?: number;
  readonly reconnectCapMs?: number;
}

/** Options of every connection, but for what the ways to connect have of their own. */
export type ClientOptions = Omit<RedisOptions, 'host' | 'port' | 'sentinels' | 'retryStrategy'> & {
  readonly replyMapping: 'legacy';
};

/** Never resends or retries: an unanswered call rejects when its connection closes. */
export function clientOptions(access: RedisAccess, options: RedisLimitStoreOptions): ClientOptions {
  const { username, password, tls } = access;
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined || tls === null ? {} : { tls }),
    replyMapping: 'legacy',
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: options.connectTimeoutMs ?? 1000,
    socketTimeout: options.silenceTimeoutMs ?? 2000,
    connectionName: 'headgate-limits',
  };
}

/** Time in ms until the next attempt, of which this is the `times`th. */
export function reconnectStrategy(
  random: Random,
  options: RedisLimitStoreOptions,
): (times: number) => number {
  const baseMs = options.reconnectBaseMs ?? 50;
  const capMs = options.reconnectCapMs ?? 1000;
  return (times) => fullJitterMs(random, times - 1, baseMs, capMs);
}
