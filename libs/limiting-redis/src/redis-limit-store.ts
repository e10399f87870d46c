import { randomUUID } from 'node:crypto';
import {
  StoreFailure,
  type BatchItem,
  type BatchReply,
  type ItemReply,
  type LimitStore,
  type ReplayItem,
  type SlotRenewal,
  type StoreState,
} from '@headgate/limiting';
import { systemClock, type Clock, type Random } from '@headgate/runtime';
import type { RedisLimitStoreOptions } from './client-options.ts';
import { ClusterConnections, ClusterLink } from './cluster-link.ts';
import { keySlot, SLOTS } from './key-slot.ts';
import { loadScripts } from './lua-script.ts';
import type { ProbePlace } from './probe-places.ts';
import type { RedisLink } from './redis-link.ts';
import type { RedisAddress, RedisTarget, SentinelTarget } from './redis-target.ts';
import { keysAt, readTakeReply, renewalCalls, replayCalls, takeCalls } from './script-calls.ts';
import { ScriptSender } from './script-sender.ts';
import { ServerLink, type LinkObserver } from './server-link.ts';

/** For one log line each. */
export type RedisStoreEvent =
  | { readonly type: 'connected' }
  | { readonly type: 'disconnected'; readonly message: string }
  /** These keys held another type or format and were deleted, or impossible numbers and are closed until they expire. */
  | { readonly type: 'keys_reset'; readonly keys: readonly string[] }
  | { readonly type: 'script_loaded'; readonly sha: string };

/** What the store works with. */
export interface RedisLimitStoreDeps {
  readonly redis: RedisTarget;
  readonly random: Random;
  readonly onEvent?: (event: RedisStoreEvent) => void;
  /** Default: the machine's. */
  readonly clock?: Clock;
}

/** Plain counters: script loads after NOSCRIPT, keys reset because they held garbage. */
export interface RedisStoreStats {
  scriptLoads: number;
  keysReset: number;
}

/** A LimitStore on one server, or on a part of a Redis Cluster. */
export interface RedisLimitStore extends LimitStore {
  /** True while the connection is up and Redis has loaded its data. */
  readonly isReady: boolean;
  readonly stats: RedisStoreStats;
  /** Ends the connection; outstanding calls reject. Idempotent. */
  close(): Promise<void>;
}

/** The stores of a Redis: one, or several that fail apart from each other if it is a Redis Cluster. */
export interface RedisLimitStores {
  readonly shards: readonly Omit<RedisLimitStore, 'close'>[];
  /** The index in `shards` of a store key or tenant tag; never changes. */
  shardOf(key: string): number;
  /** Ends all connections. Idempotent. */
  close(): Promise<void>;
}

/**
 * Parts into which the slots of a cluster are cut, however many masters there are: a tenant stays in its part when slots
 * move. The more, the fewer tenants notice the loss of a master that is not theirs, and the more probes there are. With
 * 1, 2, 3, 4, 6 or 12 masters as `redis-cli --cluster create` makes them no part has slots of two.
 */
const CLUSTER_SHARDS = 12;

/** Opens the connection in the background; while it is down every call rejects at once. Close it when done. */
export function createRedisLimitStore(
  deps: RedisLimitStoreDeps & { readonly redis: RedisAddress | SentinelTarget },
  options: RedisLimitStoreOptions = {},
): RedisLimitStore {
  const link = new ServerLink(deps.redis, deps.random, options, observer(deps));
  return Object.assign(new ScriptStore(link, deps, options), { close: () => link.close() });
}

/** Opens the connections in the background; while one is down the calls of its shards reject at once. Close them when done. */
export function createRedisLimitStores(
  deps: RedisLimitStoreDeps,
  options: RedisLimitStoreOptions = {},
): RedisLimitStores {
  const { redis } = deps;
  if (!('nodes' in redis)) {
    const store = createRedisLimitStore({ ...deps, redis }, options);
    return { shards: [store], shardOf: () => 0, close: () => store.close() };
  }
  const connections = new ClusterConnections(redis, deps.random, options, observer(deps));
  const startOf = (shard: number): number => Math.round((shard * SLOTS) / CLUSTER_SHARDS);
  const shards = Array.from({ length: CLUSTER_SHARDS }, (_, shard) => {
    const link = new ClusterLink(connections, startOf(shard), startOf(shard + 1));
    return new ScriptStore(link, deps, options);
  });
  return {
    shards,
    shardOf: (key) => Math.floor(((keySlot(key) + 0.5) * CLUSTER_SHARDS) / SLOTS),
    close: async () => connections.close(),
  };
}

function observer({ onEvent }: RedisLimitStoreDeps): LinkObserver {
  return {
    onConnected: () => onEvent?.({ type: 'connected' }),
    onDisconnected: (message) => onEvent?.({ type: 'disconnected', message }),
  };
}

/** The mark of a database is refreshed by every probe. */
const MARK_TTL_SECONDS = 30 * 86_400;

class ScriptStore implements LimitStore {
  readonly stats = { scriptLoads: 0, keysReset: 0 };
  readonly #link: RedisLink;
  readonly #groupOf: (key: string) => string;
  readonly #sender: ScriptSender;
  readonly #clock: Clock;
  readonly #onEvent: (event: RedisStoreEvent) => void;
  readonly #scripts = loadScripts();
  /** Redis's clock against the monotonic one; this machine's until Redis has answered. */
  #clockAheadMs: number;

  constructor(link: RedisLink, deps: RedisLimitStoreDeps, options: RedisLimitStoreOptions) {
    this.#link = link;
    this.#groupOf = (key) => link.groupOf(key);
    this.#clock = deps.clock ?? systemClock;
    this.#clockAheadMs = this.#clock.nowMs() - this.#clock.monotonicMs();
    this.#onEvent = deps.onEvent ?? (() => undefined);
    this.#sender = new ScriptSender(link, options.commandTimeoutMs ?? 25, ({ sha }) => {
      this.stats.scriptLoads += 1;
      this.#onEvent({ type: 'script_loaded', sha });
    });
  }

  get isReady(): boolean {
    return this.#link.probePlaces() !== null;
  }

  async takeBatch(items: readonly BatchItem[]): Promise<BatchReply> {
    const calls = takeCalls(items, this.#groupOf, this.#clockMs());
    const replies = await this.#sender.run(this.#scripts.take, calls);
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
    if (this.#sender.lateCalls > 0) {
      throw new StoreFailure('timeout', 'an earlier call is unanswered');
    }
    const places = this.#link.probePlaces();
    if (places === null) {
      this.#link.lookAgain();
      throw new StoreFailure('connection', `not connected to Redis: ${this.#link.lastError}`);
    }
    const identities = places.map((place) => this.#readIdentity(place));
    const takes = this.takeBatch(places.map(({ chain }) => ({ chain, cost: 1, units: 1 })));
    const [found] = await Promise.all([Promise.all(identities), takes]);
    return { identity: found.sort().join(' ') };
  }

  async replay(items: readonly ReplayItem[], id?: string): Promise<void> {
    const calls = replayCalls(items, this.#groupOf, this.#clockMs(), id);
    const replies = await this.#sender.run(this.#scripts.replay, calls);
    for (const [index, call] of calls.entries()) this.#reportResets(keysAt(call, replies[index]));
  }

  async renewSlots(renewals: readonly SlotRenewal[]): Promise<number> {
    const calls = renewalCalls(renewals, this.#groupOf);
    const replies = await this.#sender.run(this.#scripts.renewSlots, calls);
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

  /** `<run id>/<mark>`: another run or master changes the first, a flushed database the second. */
  async #readIdentity({ markKey }: ProbePlace): Promise<string> {
    const answers = this.#sender.runOn(markKey, [
      ['set', markKey, randomUUID(), 'EX', MARK_TTL_SECONDS, 'NX'],
      ['getex', markKey, 'EX', MARK_TTL_SECONDS],
      ['info', 'server'],
    ]);
    const [, mark, info] = await answers.catch(async (error: unknown) => {
      await this.#dropForeignMark(markKey, error);
      throw error;
    });
    const runId = /run_id:(\w+)/.exec(String(info))?.[1] ?? '';
    return `${runId}/${String(mark)}`;
  }

  /** A mark of another type would fail each probe for good: it is deleted, and the next probe makes one. */
  async #dropForeignMark(markKey: string, error: unknown): Promise<void> {
    if (!(error instanceof StoreFailure) || !error.message.startsWith('WRONGTYPE')) return;
    await this.#sender.runOn(markKey, [['del', markKey]]);
    this.#reportResets([markKey]);
  }

  /** What Redis's clock shows, by its last reply. */
  #clockMs(): number {
    return this.#clock.monotonicMs() + this.#clockAheadMs;
  }

  #reportResets(keys: readonly string[]): void {
    if (keys.length === 0) return;
    this.stats.keysReset += keys.length;
    this.#onEvent({ type: 'keys_reset', keys });
  }
}
