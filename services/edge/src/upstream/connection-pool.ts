import { BoundedQueue, type DeadlineSweeper } from '@headgate/runtime';
import type { ReadBuffers } from '../io/read-buffers.ts';
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
  readonly monotonicMs: () => number;
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
  readonly #waiting: BoundedQueue<UpstreamUser>;
  #open = 0;
  #retired = false;

  constructor(endpoint: UpstreamEndpoint, settings: PoolSettings, deps: PoolDeps) {
    this.endpoint = endpoint;
    this.settings = settings;
    this.#deps = deps;
    this.#waiting = new BoundedQueue(Math.max(1, settings.pendingMax));
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

  /**
   * Gets a connection for `user`: `user.onConnection` is called, at once if one is idle, else when one stands;
   * or `user.onUpstreamFailure`.
   *
   * @hot
   */
  acquire(user: UpstreamUser): void {
    const connection = this.#idle.pop();
    if (connection !== undefined) {
      connection.assign(user);
      user.onConnection(connection);
      return;
    }
    if (this.#open < this.settings.connectionsMax) this.#connect(user);
    else if (this.settings.pendingMax === 0 || !this.#waiting.push(user)) {
      user.onUpstreamFailure('overloaded', false);
    }
  }

  /** Called by a connection whose exchange is complete and that can carry another. */
  release(connection: UpstreamConnection): void {
    for (let user = this.#waiting.shift(); user !== undefined; user = this.#waiting.shift()) {
      if (!user.waitsFor(this)) continue;
      connection.assign(user);
      user.onConnection(connection);
      user.flush();
      return;
    }
    if (this.#retired) {
      connection.destroy();
      return;
    }
    connection.deadlineMs = this.#deps.monotonicMs() + this.settings.idleTimeoutMs;
    this.#idle.push(connection);
  }

  /** Called once by each connection when its socket is gone. */
  forget(connection: UpstreamConnection): void {
    this.#open -= 1;
    this.#deps.sweeper.remove(connection);
    const index = this.#idle.indexOf(connection);
    if (index !== -1) this.#idle.splice(index, 1);
    this.#serveNextWaiting();
  }

  /** The endpoint left the configuration: idle connections close now, busy ones after their exchange. */
  retire(): void {
    this.#retired = true;
    while (this.#idle.length > 0) this.#idle.pop()?.destroy();
  }

  #connect(user: UpstreamUser): void {
    this.#open += 1;
    const connection = new UpstreamConnection(this, this.#deps.buffers);
    connection.deadlineMs = this.#deps.monotonicMs() + this.settings.connectTimeoutMs;
    this.#deps.sweeper.add(connection);
    connection.assign(user);
  }

  #serveNextWaiting(): void {
    for (let user = this.#waiting.shift(); user !== undefined; user = this.#waiting.shift()) {
      if (!user.waitsFor(this)) continue;
      this.#connect(user);
      return;
    }
  }
}
