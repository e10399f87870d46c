import { Cluster, type Redis } from 'ioredis';
import type { Random } from '@headgate/runtime';
import { clientOptions, reconnectStrategy, type RedisLimitStoreOptions } from './client-options.ts';
import { keySlot, SLOTS } from './key-slot.ts';
import { ProbePlaces, type ProbePlace } from './probe-places.ts';
import type { Redirect, RedisLink } from './redis-link.ts';
import type { ClusterTarget } from './redis-target.ts';
import type { LinkObserver } from './server-link.ts';

/** Shortest time between two looks for moved slots, before jitter. */
const LOOK_SPACING_MS = 100;

/**
 * The connections to a Redis Cluster: one per master. ioredis finds the nodes and keeps the map of slots; commands go to
 * the nodes themselves, since its Cluster would resend calls that may have been executed.
 */
export class ClusterConnections {
  readonly #cluster: Cluster;
  readonly #observer: LinkObserver;
  /** Masters by `host:port`. */
  readonly #nodes = new Map<string, Redis>();
  readonly #random: Random;
  #nextLookMs = 0;
  readonly places = new ProbePlaces();
  lastError = '';

  constructor(
    target: ClusterTarget,
    random: Random,
    options: RedisLimitStoreOptions,
    observer: LinkObserver,
  ) {
    const redisOptions = clientOptions(target, options);
    this.#observer = observer;
    this.#random = random;
    const reconnect = reconnectStrategy(random, options);
    this.#cluster = new Cluster(
      target.nodes.map((node) => ({ ...node })),
      {
        redisOptions,
        clusterRetryStrategy: reconnect,
        clusterNodeRetryStrategy: reconnect,
        enableOfflineQueue: false,
        slotsRefreshTimeout: options.connectTimeoutMs ?? 1000,
        // A certificate names its host; what it resolves to would not match it.
        ...(redisOptions.tls === undefined ? {} : { dnsLookup: keepName }),
      },
    );
    this.#cluster.on('error', (error: Error) => (this.lastError = error.message));
    this.#cluster.on('node error', (error: Error) => (this.lastError = error.message));
    this.#cluster.on('+node', (node: Redis) => this.#watch(node));
  }

  /** The connection to the master of a slot; null while it is not up. */
  serverOfSlot(slot: number): Redis | null {
    const [name] = this.#cluster.slots[slot] ?? [];
    return name === undefined ? null : this.node(name);
  }

  /** The connection to a master, by `host:port`; null while it is not up or unknown. */
  node(name: string): Redis | null {
    const node = this.#nodes.get(name);
    if (node === undefined || this.#cluster.status !== 'ready') return null;
    if (node.status === 'ready') return node;
    if (node.status === 'wait') node.connect().catch(() => undefined); // its errors are node errors
    return null;
  }

  /** The `host:port` of the master of a slot; '' if nobody has it. */
  ownerOf(slot: number): string {
    return this.#cluster.slots[slot]?.[0] ?? '';
  }

  /** Asks a node who has which slots; a few times a second at most. */
  lookAgain(): void {
    const nowMs = performance.now();
    if (this.#cluster.status !== 'ready' || nowMs < this.#nextLookMs) return;
    this.#nextLookMs = nowMs + LOOK_SPACING_MS * (1 + this.#random.next());
    this.#cluster.refreshSlotsCache();
  }

  /** Idempotent. */
  close(): void {
    if (this.#cluster.status !== 'end') this.#cluster.disconnect();
  }

  #watch(node: Redis): void {
    const { host = '', port = 0 } = node.options;
    const name = `${host}:${port}`;
    this.#nodes.set(name, node);
    let wasReady = false;
    node.on('ready', () => {
      wasReady = true;
      this.#observer.onConnected();
    });
    node.on('close', () => {
      if (wasReady) this.#observer.onDisconnected(`${name}: ${this.lastError}`);
      wasReady = false;
    });
    node.once('end', () => {
      if (this.#nodes.get(name) === node) this.#nodes.delete(name);
    });
  }
}

/** The part of a cluster that one store uses: slots from `first` up to, and without, `end`. */
export class ClusterLink implements RedisLink {
  readonly #connections: ClusterConnections;
  readonly #first: number;
  readonly #end: number;
  /** The slot and place of the probe on each server, by its `host:port`. */
  readonly #places = new Map<string, { slot: number; place: ProbePlace }>();

  constructor(connections: ClusterConnections, first: number, end: number) {
    this.#connections = connections;
    this.#first = first;
    this.#end = Math.min(end, SLOTS);
  }

  get lastError(): string {
    return this.#connections.lastError;
  }

  /** A script may name the keys of one slot only. */
  groupOf(key: string): string {
    return String(keySlot(key));
  }

  serverOf(key: string): Redis | null {
    return this.#connections.serverOfSlot(keySlot(key));
  }

  probePlaces(): readonly ProbePlace[] | null {
    const owners = new Set<string>();
    for (let slot = this.#first; slot < this.#end; slot += 1) {
      owners.add(this.#connections.ownerOf(slot));
    }
    const places: ProbePlace[] = [];
    for (const owner of owners) {
      if (this.#connections.node(owner) === null) return null;
      const place = this.#placeOn(owner);
      if (place !== null) places.push(place);
    }
    return places;
  }

  redirectOf(error: Error): Redirect | null {
    const [kind, , name = ''] = error.message.split(' ');
    if (kind !== 'MOVED' && kind !== 'ASK') return null;
    if (kind === 'MOVED') this.lookAgain();
    const server = this.#connections.node(name);
    return server === null ? null : { server, isAsking: kind === 'ASK' };
  }

  lookAgain(): void {
    this.#connections.lookAgain();
  }

  #placeOn(owner: string): ProbePlace | null {
    const { places } = this.#connections;
    const isThere = (slot: number): boolean =>
      slot >= this.#first && slot < this.#end && this.#connections.ownerOf(slot) === owner;
    const known = this.#places.get(owner);
    if (known !== undefined && isThere(known.slot)) return known.place;
    const found = places.find(isThere);
    if (found === null) this.#places.delete(owner);
    else this.#places.set(owner, found);
    return found?.place ?? null;
  }
}

function keepName(
  name: string,
  callback: (error: NodeJS.ErrnoException | null, address: string) => void,
): void {
  callback(null, name);
}
