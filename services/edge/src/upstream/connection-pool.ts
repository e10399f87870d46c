import type { PassiveFailureKind } from '@headgate/health';
import type { DeadlineSweeper, GuardedLookup } from '@headgate/runtime';
import type { HeldClock } from '../io/held-clock.ts';
import type { ReadBuffers } from '../io/read-buffers.ts';
import type { ConnectionBudget } from './connection-budget.ts';
import type { ResponseReaders } from './response-readers.ts';
import { UpstreamConnection } from './upstream-connection.ts';
import type { UpstreamEndpoint } from './endpoint.ts';
import type { UpstreamUser } from './upstream-user.ts';

/** Bounds of a pool; from the upstream's configuration. */
export interface PoolSettings {
  readonly connectionsMax: number;
  readonly pendingMax: number;
  readonly idleTimeoutMs: number;
  readonly connectTimeoutMs: number;
}

/** What pools of one worker share. */
export interface PoolDeps {
  readonly buffers: ReadBuffers;
  readonly sweeper: DeadlineSweeper;
  readonly clock: HeldClock;
  readonly readers: ResponseReaders;
  /** Of the connections of all pools. */
  readonly budget: ConnectionBudget;
  /** Resolves names of endpoints; default: as the system does. */
  readonly lookup?: GuardedLookup;
  /** Told when an endpoint is ejected because of what the worker itself saw; for metrics. */
  readonly onEjected?: (cause: PassiveFailureKind) => void;
}

/**
 * Keep-alive connections to one endpoint for one tenant. Idle ones are used last in, first out, so that surplus ones
 * grow old and expire. Connections are never shared between tenants.
 */
export class ConnectionPool {
  readonly endpoint: UpstreamEndpoint;
  settings: PoolSettings;
  readonly #deps: PoolDeps;
  readonly #idle: UpstreamConnection[] = [];
  /** In order of arrival; at most `settings.pendingMax`. */
  readonly #waiting = new Set<UpstreamUser>();
  #open = 0;
  #retired = false;

  constructor(endpoint: UpstreamEndpoint, settings: PoolSettings, deps: PoolDeps) {
    this.endpoint = endpoint;
    this.settings = settings;
    this.#deps = deps;
  }

  /** Whether another request would have to wait for a connection. */
  get full(): boolean {
    return this.#idle.length === 0 && this.#open >= this.settings.connectionsMax;
  }

  get idleCount(): number {
    return this.#idle.length;
  }

  get openCount(): number {
    return this.#open;
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  /**
   * Gets a connection for `user`: `user.onConnection` is called, at once if one is idle, else when one stands;
   * or `user.onUpstreamFailure`.
   *
   * @param fresh open a new connection even if one is idle: an idle one has just proved to be dead.
   * @hot
   */
  acquire(user: UpstreamUser, fresh: boolean): void {
    const connection = fresh ? undefined : this.#idle.pop();
    if (connection !== undefined) {
      this.#deps.budget.used(connection);
      connection.assign(user);
      user.onConnection(connection);
      return;
    }
    const { connectionsMax, pendingMax } = this.settings;
    if (fresh && this.#open >= connectionsMax) this.#idle[0]?.destroy();
    if (this.#open < connectionsMax) this.#connect(user);
    else if (this.#waiting.size < pendingMax) this.#waiting.add(user);
    else user.onUpstreamFailure('overloaded', false);
  }

  /** The user no longer waits. */
  cancelWaiting(user: UpstreamUser): void {
    this.#waiting.delete(user);
  }

  /** Called by a connection that is idle and can carry an exchange. */
  release(connection: UpstreamConnection): void {
    const user = this.#nextWaiting();
    if (user !== null) {
      connection.serve(user);
      return;
    }
    if (this.#retired || this.#open > this.settings.connectionsMax) {
      connection.destroy();
      return;
    }
    connection.deadlineMs = this.#deps.clock.monotonicMs() + this.settings.idleTimeoutMs;
    this.#idle.push(connection);
    this.#deps.budget.idle(connection);
  }

  /** Called once by each connection, when it is closed: from then on it cannot be acquired. */
  forget(connection: UpstreamConnection): void {
    this.#open -= 1;
    this.#deps.sweeper.remove(connection);
    const index = this.#idle.indexOf(connection);
    if (index !== -1) {
      this.#idle.splice(index, 1);
      this.#deps.budget.used(connection);
    }
    this.#deps.budget.closed();
    if (this.#open >= this.settings.connectionsMax) return;
    const user = this.#nextWaiting();
    if (user !== null) this.#connect(user);
  }

  /** The endpoint left the configuration: idle connections close now, busy ones after their exchange. */
  retire(): void {
    this.#retired = true;
    while (this.#idle.length > 0) this.#idle[this.#idle.length - 1]?.destroy();
  }

  #connect(user: UpstreamUser): void {
    this.#open += 1;
    this.#deps.budget.opening();
    const connection = new UpstreamConnection(this, this.#deps);
    connection.deadlineMs = this.#deps.clock.monotonicMs() + this.settings.connectTimeoutMs;
    this.#deps.sweeper.add(connection);
    connection.assign(user);
    user.onConnecting(connection);
  }

  #nextWaiting(): UpstreamUser | null {
    for (const user of this.#waiting) {
      this.#waiting.delete(user);
      return user;
    }
    return null;
  }
}
