import { randomUUID } from 'node:crypto';
import { Redis, type RedisOptions } from 'ioredis';
import {
  compileChain,
  LIMIT_MAX,
  StoreFailure,
  type BatchItem,
  type BatchReply,
  type ItemReply,
  type LimitChain,
  type LimitStore,
  type ReplayItem,
  type SlotRenewal,
  type StoreState,
} from '@headgate/limiting';
import { fullJitterMs, systemClock, type Clock, type Random } from '@headgate/runtime';
import { loadScripts, type LuaScript } from './lua-script.ts';
import {
  keysAt,
  readTakeReply,
  renewalCalls,
  replayCalls,
  takeCalls,
  type ScriptCall,
} from './script-calls.ts';
import { isNoScript, readFailure } from './store-failures.ts';
import { settleWithin } from './settle-within.ts';

/** Where Redis is. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
  /** TLS options; null or absent for plain TCP. */
  readonly tls?: RedisOptions['tls'] | null;
}

/** For one log line each. */
export type RedisStoreEvent =
  | { readonly type: 'connected' }
  | { readonly type: 'disconnected'; readonly message: string }
  /** These keys held another type or format and were deleted, or impossible numbers and are closed until they expire. */
  | { readonly type: 'keys_reset'; readonly keys: readonly string[] }
  | { readonly type: 'script_loaded'; readonly sha: string };

/** What the store works with. */
export interface RedisLimitStoreDeps {
  readonly redis: RedisAddress;
  readonly random: Random;
  readonly onEvent?: (event: RedisStoreEvent) => void;
  /** Default: the machine's. */
  readonly clock?: Clock;
}

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

/** A LimitStore on one Redis connection. */
export interface RedisLimitStore extends LimitStore {
  /** True while the connection is up and Redis has loaded its data. */
  readonly isReady: boolean;
  /** Plain counters: script loads after NOSCRIPT, keys reset because they held garbage. */
  readonly stats: { scriptLoads: number; keysReset: number };
  /** Ends the connection; outstanding calls reject. Idempotent. */
  close(): Promise<void>;
}

/** Opens the connection in the background; while it is down every call rejects at once. Close it when done. */
export function createRedisLimitStore(
  deps: RedisLimitStoreDeps,
  options: RedisLimitStoreOptions = {},
): RedisLimitStore {
  return new ScriptStore(deps, options);
}

/** Survives everything but a lost database, so that a changed value shows one. Refreshed by every probe. */
const MARK_KEY = 'hg:store';
const MARK_TTL_SECONDS = 30 * 86_400;

class ScriptStore implements RedisLimitStore {
  readonly stats = { scriptLoads: 0, keysReset: 0 };
  readonly #redis: Redis;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #onEvent: (event: RedisStoreEvent) => void;
  readonly #scripts = loadScripts();
  readonly #probeItem: BatchItem;
  /** Calls that timed out and are still unanswered. */
  #lateCalls = 0;
  /** Redis's clock against the monotonic one; this machine's until Redis has answered. */
  #clockAheadMs: number;
  #wasReady = false;
  #lastError = '';

  constructor(deps: RedisLimitStoreDeps, options: RedisLimitStoreOptions) {
    this.#clock = deps.clock ?? systemClock;
    this.#clockAheadMs = this.#clock.nowMs() - this.#clock.monotonicMs();
    this.#timeoutMs = options.commandTimeoutMs ?? 25;
    this.#onEvent = deps.onEvent ?? (() => undefined);
    this.#probeItem = { chain: probeChain(), cost: 1, units: 1 };
    this.#redis = new Redis(clientOptions(deps, options));
    this.#redis.on('error', (error: Error) => (this.#lastError = error.message));
    this.#redis.on('ready', () => this.#onReady());
    this.#redis.on('close', () => this.#onClose());
  }

  get isReady(): boolean {
    return this.#redis.status === 'ready';
  }

  async takeBatch(items: readonly BatchItem[]): Promise<BatchReply> {
    const calls = takeCalls(items, undefined, this.#clockMs());
    const replies = await this.#run(this.#scripts.take, calls);
    const itemReplies: (ItemReply | null)[] = [];
    let storeNowMs = 0;
    for (const [index, call] of calls.entries()) {
      const reply = readTakeReply(call, items, replies[index], itemReplies);
      if (reply === null) throw new StoreFailure('protocol', 'take.lua answered in another form');
      storeNowMs = reply.clockMs;
      this.#reportResets(reply.resetKeys);
    }
    this.#clockAheadMs = storeNowMs - this.#clock.monotonicMs();
    return { storeNowMs, items: itemReplies };
  }

  async probe(): Promise<StoreState> {
    if (this.#lateCalls > 0) throw new StoreFailure('timeout', 'an earlier call is unanswered');
    const identity = this.#readIdentity();
    const [state] = await Promise.all([identity, this.takeBatch([this.#probeItem])]);
    return state;
  }

  async replay(items: readonly ReplayItem[]): Promise<void> {
    const calls = replayCalls(items, undefined, this.#clockMs());
    const replies = await this.#run(this.#scripts.replay, calls);
    for (const [index, call] of calls.entries()) this.#reportResets(keysAt(call, replies[index]));
  }

  async renewSlots(renewals: readonly SlotRenewal[]): Promise<number> {
    const calls = renewalCalls(renewals);
    const replies = await this.#run(this.#scripts.renewSlots, calls);
    let lapsed = 0;
    for (const [index, call] of calls.entries()) {
      const reply = replies[index];
      const [units, ...resets] = Array.isArray(reply) ? (reply as readonly unknown[]) : [];
      if (typeof units !== 'number') {
        throw new StoreFailure('protocol', 'renew-slots.lua answered in another form');
      }
      lapsed += units;
      this.#reportResets(keysAt(call, resets));
    }
    return lapsed;
  }

  async close(): Promise<void> {
    if (this.#redis.status === 'end') return;
    if (this.#redis.status === 'reconnecting') {
      // Between two attempts there is no socket whose end ioredis would report; this drops the next attempt.
      this.#redis.disconnect();
      return;
    }
    const ended = new Promise<void>((resolve) => void this.#redis.once('end', resolve));
    this.#wasReady = false;
    this.#redis.disconnect();
    await ended;
  }

  /** `<run id>/<mark>`: another run or master changes the first, a flushed database the second. */
  async #readIdentity(): Promise<StoreState> {
    const replies = await this.#exec([
      ['set', MARK_KEY, randomUUID(), 'EX', MARK_TTL_SECONDS, 'NX'],
      ['getex', MARK_KEY, 'EX', MARK_TTL_SECONDS],
      ['info', 'server'],
    ]);
    for (const reply of replies) if (reply instanceof Error) throw this.#fail(reply);
    const runId = /run_id:(\w+)/.exec(String(replies[2]))?.[1] ?? '';
    return { identity: `${runId}/${String(replies[1])}` };
  }

  /** Sends all calls in one write. NOSCRIPT means "not executed": the script is loaded and those calls sent again. */
  async #run(script: LuaScript, calls: readonly ScriptCall[]): Promise<unknown[]> {
    const commands = calls.map(({ keys, values }) => [
      'evalsha',
      script.sha,
      keys.length,
      ...keys,
      ...values,
    ]);
    const replies = await this.#exec(commands);
    const unknown = replies.flatMap((reply, index) => (isNoScript(reply) ? [index] : []));
    if (unknown.length > 0) {
      const again = unknown.map((index) => commands[index] ?? []);
      const [loaded, ...answers] = await this.#exec([['script', 'load', script.text], ...again]);
      if (loaded instanceof Error) throw this.#fail(loaded);
      for (const [position, index] of unknown.entries()) replies[index] = answers[position];
      this.stats.scriptLoads += 1;
      this.#onEvent({ type: 'script_loaded', sha: script.sha });
    }
    for (const reply of replies) if (reply instanceof Error) throw this.#fail(reply);
    return replies;
  }

  /** Replies, or Redis's errors, in order of the commands. Rejects with a StoreFailure. */
  async #exec(commands: (string | number)[][]): Promise<unknown[]> {
    if (!this.isReady) {
      throw new StoreFailure('connection', `not connected to Redis: ${this.#lastError}`);
    }
    const answer = this.#redis.pipeline(commands).exec();
    const results = await settleWithin(answer, this.#timeoutMs, () => {
      this.#lateCalls += 1;
      const forget = (): void => void (this.#lateCalls -= 1);
      answer.then(forget, forget);
    }).catch((error: unknown) => {
      throw this.#fail(error);
    });
    return (results ?? []).map(([error, value]) => error ?? value);
  }

  /** What Redis's clock shows, by its last reply. */
  #clockMs(): number {
    return this.#clock.monotonicMs() + this.#clockAheadMs;
  }

  #fail(error: unknown): StoreFailure {
    const { failure, needsReconnect } = readFailure(error);
    if (needsReconnect && this.isReady) this.#redis.disconnect(true);
    return failure;
  }

  #reportResets(keys: readonly string[]): void {
    if (keys.length === 0) return;
    this.stats.keysReset += keys.length;
    this.#onEvent({ type: 'keys_reset', keys });
  }

  #onReady(): void {
    this.#wasReady = true;
    this.#onEvent({ type: 'connected' });
  }

  #onClose(): void {
    if (this.#wasReady) this.#onEvent({ type: 'disconnected', message: this.#lastError });
    this.#wasReady = false;
  }
}

/** Never queues, resends or retries: an unanswered call rejects when its connection closes. */
function clientOptions(
  deps: RedisLimitStoreDeps,
  options: RedisLimitStoreOptions,
): RedisOptions & { replyMapping: 'legacy' } {
  const { host, port, username, password, tls } = deps.redis;
  const baseMs = options.reconnectBaseMs ?? 50;
  const capMs = options.reconnectCapMs ?? 1000;
  return {
    host,
    port,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined || tls === null ? {} : { tls }),
    replyMapping: 'legacy',
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: options.connectTimeoutMs ?? 1000,
    socketTimeout: options.silenceTimeoutMs ?? 2000,
    retryStrategy: (times) => fullJitterMs(deps.random, times - 1, baseMs, capMs),
    connectionName: 'headgate-limits',
  };
}

/** The probe takes from a limit of its own that never fills. Tenant ids are not empty, so the key is its own. */
function probeChain(): LimitChain {
  const rule = { name: 'probe', level: 'tenant', limit: LIMIT_MAX, windowMs: 1000 } as const;
  return compileChain('', [{ ...rule, scope: '', onStoreLoss: 'share' }]);
}
