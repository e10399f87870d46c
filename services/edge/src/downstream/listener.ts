import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { PacedWalk } from '@headgate/runtime';
import type { SecureContext } from 'node:tls';
import { addressKey } from '../request/address-key.ts';
import type { ServerNamesDeps } from '../tls/server-names.ts';
import {
  TlsHandshake,
  type TlsHandshakeDeps,
  type TlsHandshakeSettings,
} from '../tls/tls-handshake.ts';
import type { TlsStats } from '../tls/tls-stats.ts';
import { addressBounds, AddressCounts } from './address-counts.ts';
import { DownstreamConnection } from './downstream-connection.ts';
import { createDownstreamStats, type DownstreamDeps } from './downstream-deps.ts';

/** Bounds of a listener. */
export interface ListenerSettings {
  readonly host: string;
  readonly port: number;
  /** Open connections; further ones are closed at once. */
  readonly connectionsMax: number;
  /** Open connections of one client address (IPv6: one /64); half of `connectionsWithinFds` at most, unless it is trusted. */
  readonly connectionsPerAddressMax: number;
  /** Open connections at which accepting pauses, so that the process keeps file descriptors for other things. */
  readonly connectionsWithinFds: number;
}

/** A second port, for TLS. */
export interface TlsListening {
  readonly listen: { readonly host: string; readonly port: number };
  readonly settings: Pick<TlsHandshakeSettings, 'handshakeMs' | 'handshakesMax'>;
  readonly names: ServerNamesDeps;
  readonly firstContext: SecureContext;
  readonly stats: TlsStats;
  /** Runs the request path of requests over TLS. */
  readonly handle: DownstreamDeps['handle'];
}

/** What the listener asks of a connection, or of one that is still to come. */
type OpenConnection = Pick<
  DownstreamConnection,
  'cutIfSlow' | 'endIfRevoked' | 'goAway' | 'destroy' | 'idleSince'
>;

/** Why accepting is paused. */
export type PauseCause = 'fds' | 'overload';

/**
 * Idle time after which a drain closes a connection. Any close can cross a request on its way (RFC 9112 section 9.5); the
 * less often a connection is used, the less likely. With 500 ms, 2 of 11,596 requests failed over 20 restarts.
 */
const DRAIN_IDLE_MS = 2000;

/** How long WebSockets have at the end of a drain to answer their close frame. */
const GOING_AWAY_MS = 500;

/** Distance of looks at the pace of clients and at whether a pause can end. */
const LOOK_MS = 1000;

/**
 * Listening sockets on the port. libuv accepts one connection per socket and turn of the loop; with a single one, a busy
 * worker whose turns take 100 ms would let in ten clients a second. Those who wait give up, and who is let in at last is
 * gone already: served in vain. Accepting costs 0.1 ms, so 32 in a turn delay nobody.
 */
const SOCKETS = 32;

/** Connections that wait to be accepted, per socket. A longer queue is one of clients that have given up. */
const BACKLOG = 128;

/** Turns in which a listener that stops waits for an empty queue; one more than the longest queue has. */
const LAST_TURNS = BACKLOG + 2;

/** Part of the connections that has to be left when a pause for file descriptors ends. */
const RESUME_SHARE = 0.9;

/**
 * Accepts clients on a port that it may share with other workers and edges (`SO_REUSEPORT`).
 *
 * A pause closes the listening socket, as there is no other way to leave connections alone at no cost: new ones go to the
 * other workers and edges on the port, or are refused by the kernel. What is open goes on.
 */
export class Listener {
  readonly stats = createDownstreamStats();
  readonly #settings: ListenerSettings;
  readonly #deps: DownstreamDeps;
  /** `null`: plain TCP alone. */
  readonly #tls: TlsHandshakeDeps | null;
  readonly #tlsListen: TlsListening['listen'] | null;
  readonly #connections = new Set<OpenConnection>();
  readonly #addresses: AddressCounts;
  readonly #pauses = new Set<PauseCause>();
  /** Empty while paused, before the start and after the end. */
  #servers: readonly net.Server[] = [];
  #port = 0;
  #tlsPort = 0;
  #lookTimer: NodeJS.Timeout | null = null;
  readonly #walk: PacedWalk<OpenConnection>;
  #stopped = false;
  /** Connections that came out of the queues, welcome or not. */
  #arrivals = 0;

  constructor(
    settings: ListenerSettings,
    deps: Omit<DownstreamDeps, 'onClosed' | 'stats' | 'addresses'>,
    tls: TlsListening | null = null,
  ) {
    this.#settings = settings;
    const { connectionsPerAddressMax, connectionsWithinFds } = settings;
    this.#addresses = new AddressCounts(
      addressBounds(connectionsPerAddressMax, connectionsWithinFds, deps.isTrusted),
    );
    this.#deps = {
      ...deps,
      stats: this.stats,
      addresses: this.#addresses,
      onClosed: (connection) => this.#connections.delete(connection),
    };
    this.#tls = tls === null ? null : this.#handshakeDeps(tls);
    this.#tlsListen = tls === null ? null : tls.listen;
    this.#walk = new PacedWalk({
      visit: (connection, nowMs) => connection.cutIfSlow(nowMs) || connection.endIfRevoked(),
      now: () => deps.clock.monotonicMs(),
    });
  }

  /** The port of connections with TLS; 0 before {@link listen}, and without any. */
  get tlsPort(): number {
    return this.#tlsPort;
  }

  get openConnections(): number {
    return this.#connections.size;
  }

  /** Connections are accepted at the moment. */
  get accepting(): boolean {
    return this.#servers.at(-1)?.listening === true;
  }

  /** Starts to accept; resolves with the port. @rejects with the system's error, such as EADDRINUSE. */
  async listen(): Promise<number> {
    if (this.#stopped) return this.#settings.port; // told to stop before it began
    this.#port = this.#settings.port;
    this.#port = await this.#open();
    const { bodyStallMs, writeStallMs } = this.#deps.settings;
    const lookMs = Math.min(LOOK_MS, bodyStallMs / 4, writeStallMs / 4);
    this.#lookTimer = setInterval(() => this.#look(), lookMs).unref();
    return this.#port;
  }

  /** Accepts no further connection until {@link resume} was called for every cause. */
  pause(cause: PauseCause): void {
    if (this.#stopped || this.#pauses.has(cause)) return;
    this.#pauses.add(cause);
    this.stats[cause === 'fds' ? 'pausedFds' : 'pausedOverload'] += 1;
    this.#close();
  }

  /** The cause of a pause is over. */
  resume(cause: PauseCause): void {
    if (!this.#pauses.delete(cause) || this.#pauses.size > 0 || this.#stopped) return;
    this.#open().catch((error: unknown) => {
      this.#deps.onBug(error, null); // another process took the port; tried again at the next look
      this.#pauses.add('fds');
    });
  }

  /**
   * Stops accepting for good; what is open goes on. The kernel resets whoever waits in the queue of a socket that closes,
   * so the sockets close at the end of a turn of the event loop in which nobody waited, or after {@link LAST_TURNS}.
   */
  async stopAccepting(): Promise<void> {
    this.#stopped = true;
    for (let turn = 0; turn < LAST_TURNS && this.accepting; turn += 1) {
      const before = this.#arrivals;
      await new Promise(setImmediate);
      if (this.#arrivals === before && turn > 0) break;
    }
    // One in a turn: closing all of them takes milliseconds, in which somebody would come to the last ones.
    while (this.#servers.length > 0) {
      this.#servers[0]?.close();
      this.#servers = this.#servers.slice(1);
      await new Promise(setImmediate);
    }
  }

  /**
   * Resolves when no connection is left; `deps.draining` is true by now, so that the next answer of each is its last. At `deadlineMs` (monotonic) WebSockets are told to end and everything else is
   * cut; {@link GOING_AWAY_MS} later the rest is.
   */
  async drain(deadlineMs: number): Promise<void> {
    const { clock } = this.#deps;
    while (this.#connections.size > 0) {
      const nowMs = clock.monotonicMs();
      for (const connection of this.#connections) {
        if (nowMs >= deadlineMs + GOING_AWAY_MS) connection.destroy();
        else if (nowMs >= deadlineMs) connection.goAway();
        else if (connection.idleSince(nowMs, DRAIN_IDLE_MS)) connection.destroy();
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    if (this.#lookTimer !== null) clearInterval(this.#lookTimer);
  }

  /** Opens all sockets or none; resolves with the port. */
  async #open(): Promise<number> {
    const servers = createServers((socket) => this.#accept(socket, null));
    const { host } = this.#settings;
    const [tls, tlsListen] = [this.#tls, this.#tlsListen];
    const tlsServers = tls === null ? [] : createServers((socket) => this.#accept(socket, tls));
    this.#servers = [...servers, ...tlsServers];
    const all = this.#servers;
    let port = this.#port;
    let tlsPort = this.#tlsPort || (tlsListen?.port ?? 0);
    try {
      for (const server of servers) port = await listenOn(server, host, port);
      for (const server of tlsServers) {
        tlsPort = await listenOn(server, tlsListen?.host ?? host, tlsPort);
      }
    } catch (error) {
      for (const server of all) server.close();
      if (this.#servers === all) this.#servers = [];
      throw error;
    }
    this.#tlsPort = tlsPort;
    for (const server of all) {
      server.on('error', (error: NodeJS.ErrnoException) => this.#onAcceptError(error));
      if (this.#servers !== all) server.close(); // paused or stopped in the meantime
    }
    return port;
  }

  /** A connection whose handshake is done goes on as one that begins with a request, and takes the place of the handshake. */
  #handshakeDeps({ settings, names, firstContext, stats, handle }: TlsListening): TlsHandshakeDeps {
    const deps = this.#deps;
    const { proxyProtocol } = deps.settings;
    const secured = { ...deps, handle, settings: { ...deps.settings, proxyProtocol: false } };
    return {
      ...{ names, firstContext, stats, settings: { ...settings, proxyProtocol } },
      sweeper: deps.sweeper,
      monotonicMs: () => deps.clock.monotonicMs(),
      countAddress: (address) => {
        const key = addressKey(address);
        if (this.#addresses.take(key, address)) return key;
        this.stats.refusedAddress += 1;
        return null;
      },
      releaseAddress: (key) => this.#addresses.release(key),
      onSecured: (handshake, client) => {
        this.#connections.delete(handshake);
        const { socket, addressKey: key } = client;
        this.#connections.add(new DownstreamConnection(secured, socket, key, client));
      },
      onClosed: (handshake) => this.#connections.delete(handshake),
      onBug: (error) => deps.onBug(error, null),
    };
  }

  #close(): void {
    for (const server of this.#servers) server.close();
    this.#servers = [];
  }

  #onAcceptError(error: NodeJS.ErrnoException): void {
    if (error.code === 'EMFILE' || error.code === 'ENFILE') this.pause('fds');
    else this.#deps.onBug(error, null);
  }

  /** Once a second: who is too slow, and is there room again? */
  #look(): void {
    if (!this.#walk.busy) this.#walk.begin(this.#connections);
    if (this.#connections.size <= this.#settings.connectionsWithinFds * RESUME_SHARE) {
      this.resume('fds');
    }
  }

  #accept(socket: net.Socket, tls: TlsHandshakeDeps | null): void {
    this.#arrivals += 1;
    const address = socket.remoteAddress;
    const { connectionsMax, connectionsWithinFds } = this.#settings;
    if (address === undefined || this.#connections.size >= connectionsMax) {
      if (address !== undefined) this.stats.refusedTotal += 1; // else it is gone already
      socket.destroy();
      return;
    }
    // Behind a load balancer all connections come from a few addresses; the client's is in the header.
    const key = this.#deps.settings.proxyProtocol ? '' : addressKey(address);
    if (key !== '' && !this.#addresses.take(key, address)) {
      this.stats.refusedAddress += 1;
      socket.destroy();
      return;
    }
    this.stats.accepted += 1;
    if (tls === null) {
      this.#connections.add(new DownstreamConnection(this.#deps, socket, key));
    } else {
      const handshake = new TlsHandshake(tls, socket, key);
      this.#connections.add(handshake);
      handshake.start();
    }
    if (this.#connections.size >= connectionsWithinFds) this.pause('fds');
  }
}

function createServers(onSocket: (socket: net.Socket) => void): net.Server[] {
  const options = { pauseOnConnect: true, allowHalfOpen: true, noDelay: true };
  return Array.from({ length: SOCKETS }, () => net.createServer(options, onSocket));
}

/** Listens on a port that may be shared; resolves with the port, which is another one for 0. */
async function listenOn(server: net.Server, host: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: BACKLOG, reusePort: true }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return (server.address() as AddressInfo).port; // a TCP server that listens has one
}
