import { Redis, type RedisOptions } from 'ioredis';
import type { Random } from '@headgate/runtime';
import { clientOptions, reconnectStrategy, type RedisLimitStoreOptions } from './client-options.ts';
import { ONLY_PLACE, type ProbePlace } from './probe-places.ts';
import type { RedisLink } from './redis-link.ts';
import type { RedisAddress, SentinelTarget } from './redis-target.ts';

/** Hears of connections. */
export interface LinkObserver {
  onConnected(): void;
  /** A connection that was ready has closed. */
  onDisconnected(message: string): void;
}

/** A link to one server, or to the master that Sentinels name. Connects in the background, again and again. */
export class ServerLink implements RedisLink {
  readonly #redis: Redis;
  readonly #observer: LinkObserver;
  #wasReady = false;
  #isClosed = false;
  lastError = '';

  constructor(
    target: RedisAddress | SentinelTarget,
    random: Random,
    options: RedisLimitStoreOptions,
    observer: LinkObserver,
  ) {
    this.#observer = observer;
    this.#redis = new Redis(redisOptions(target, random, options));
    this.#redis.on('error', (error: Error) => (this.lastError = error.message));
    this.#redis.on('ready', () => this.#onReady());
    this.#redis.on('close', () => this.#onClose());
  }

  /** Everything is on one server. */
  groupOf(): string {
    return '';
  }

  serverOf(): Redis | null {
    return this.#redis.status === 'ready' ? this.#redis : null;
  }

  probePlaces(): readonly ProbePlace[] | null {
    return this.#redis.status === 'ready' ? [ONLY_PLACE] : null;
  }

  redirectOf(): null {
    return null;
  }

  /** The address, or a Sentinel, may name another server. */
  lookAgain(): void {
    const { status } = this.#redis;
    if (status === 'ready') this.#redis.disconnect(true);
    // ioredis gives up for good when a Sentinel tells of a failover while it is being asked for the master.
    if (status === 'end' && !this.#isClosed) this.#redis.connect().catch(() => undefined);
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const { status } = this.#redis;
    if (status === 'end') return;
    this.#wasReady = false;
    // Between two attempts, or while a Sentinel is asked, there is no socket whose end ioredis would report.
    if (status === 'reconnecting' || status === 'connecting') {
      this.#redis.disconnect();
      return;
    }
    const ended = new Promise<void>((resolve) => void this.#redis.once('end', resolve));
    this.#redis.disconnect();
    await ended;
  }

  #onReady(): void {
    this.#wasReady = true;
    this.#observer.onConnected();
  }

  #onClose(): void {
    if (this.#wasReady) this.#observer.onDisconnected(this.lastError);
    this.#wasReady = false;
  }
}

function redisOptions(
  target: RedisAddress | SentinelTarget,
  random: Random,
  options: RedisLimitStoreOptions,
): RedisOptions & { readonly replyMapping: 'legacy' } {
  const reconnect = reconnectStrategy(random, options);
  const common = {
    ...clientOptions(target, options),
    enableOfflineQueue: false,
    retryStrategy: reconnect,
  };
  if ('host' in target) return { ...common, host: target.host, port: target.port };
  const { sentinels, master, sentinelPassword, tls } = target;
  const isSecure = tls !== undefined && tls !== null;
  return {
    ...common,
    sentinels: sentinels.map((sentinel) => ({ ...sentinel })),
    name: master,
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    ...(isSecure ? { sentinelTLS: tls, enableTLSForSentinelMode: true } : {}),
    sentinelCommandTimeout: options.connectTimeoutMs ?? 1000,
    sentinelRetryStrategy: reconnect,
    // A master that is cut off from its Sentinels must not go on to be used beside the new one.
    failoverDetector: true,
  };
}
