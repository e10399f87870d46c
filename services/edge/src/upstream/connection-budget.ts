/** A connection while it is idle: a link of the list of all that are. */
export interface IdleConnection {
  /** The one that became idle before it; null for none. Set by the budget alone, as is the next field. */
  olderIdle: IdleConnection | null;
  /** The one that became idle after it. */
  newerIdle: IdleConnection | null;
  /** Closes; {@link ConnectionBudget.used} and {@link ConnectionBudget.closed} are called before this returns. */
  destroy(): void;
}

/** Connections of a worker to endpoints, if its open files do not allow fewer. */
const CONNECTIONS_MAX = 65_536;

/**
 * Bounds the connections of a worker to all endpoints of all tenants. Pools bound theirs to one endpoint each, which is
 * no bound for who has thousands of endpoints: a tenant that left 20,000 idle connections behind would take the file
 * descriptors of all others. Beyond the bound, whatever has been idle for longest is closed, whosever it is.
 *
 *     #oldest ─► idle ◄─► idle ◄─► idle ◄─ #newest
 *
 * Connections in use are not closed: there are no more of them than clients, whose number the listener bounds.
 */
export class ConnectionBudget {
  /** Idle connections that were closed because of the bound; for metrics. */
  evicted = 0;
  readonly #max: number;
  #open = 0;
  #oldest: IdleConnection | null = null;
  #newest: IdleConnection | null = null;

  /** @param withinFds connections that the worker's open files allow; Infinity if there is no telling. */
  constructor(withinFds: number) {
    this.#max = Math.min(withinFds, CONNECTIONS_MAX);
  }

  /** One is going to be opened: makes room for it if it can. */
  opening(): void {
    this.#open += 1;
    this.#makeRoom();
  }

  /** One was closed, which is not idle any more. */
  closed(): void {
    this.#open -= 1;
  }

  /** A connection has become idle; beyond the bound, itself may be the one that is closed. @hot */
  idle(connection: IdleConnection): void {
    const newest = this.#newest;
    connection.olderIdle = newest;
    if (newest === null) this.#oldest = connection;
    else newest.newerIdle = connection;
    this.#newest = connection;
    if (this.#open > this.#max) this.#makeRoom();
  }

  /** An idle connection is idle no more: it is in use, or closed. @hot */
  used(connection: IdleConnection): void {
    const { olderIdle, newerIdle } = connection;
    if (olderIdle === null) this.#oldest = newerIdle;
    else olderIdle.newerIdle = newerIdle;
    if (newerIdle === null) this.#newest = olderIdle;
    else newerIdle.olderIdle = olderIdle;
    connection.olderIdle = null;
    connection.newerIdle = null;
  }

  #makeRoom(): void {
    while (this.#open > this.#max && this.#oldest !== null) {
      this.evicted += 1;
      this.#oldest.destroy();
    }
  }
}
