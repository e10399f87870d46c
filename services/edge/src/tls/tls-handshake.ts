import type { Socket } from 'node:net';
import { TLSSocket, type SecureContext, type TLSSocketOptions } from 'node:tls';
import type { DeadlineSweeper, Expirable } from '@headgate/runtime';
import { parseProxyHeader } from '../downstream/proxy-protocol.ts';
import { chooseByName, type ServerIdentity, type ServerNamesDeps } from './server-names.ts';
import type { TlsStats } from './tls-stats.ts';

/** Bounds of handshakes. */
export interface TlsHandshakeSettings {
  /** From accept to the end of the handshake. */
  readonly handshakeMs: number;
  /** Handshakes under way; further ones are closed at once. */
  readonly handshakesMax: number;
  /** Each connection starts with a PROXY protocol v2 header, before TLS. */
  readonly proxyProtocol: boolean;
}

/** A connection whose handshake is done. */
export interface SecuredSocket {
  readonly socket: TLSSocket;
  /** The TCP connection below, which alone can be reset. */
  readonly below: Socket;
  readonly clientAddress: string;
  /** What the connection is counted as, see `AddressCounts`. */
  readonly addressKey: string;
  readonly identity: ServerIdentity;
  /** Such as `TLSv1.3`. */
  readonly version: string;
  /** Such as `TLS_AES_128_GCM_SHA256`. */
  readonly cipher: string;
}

/** What handshakes of a listener share. */
export interface TlsHandshakeDeps {
  readonly settings: TlsHandshakeSettings;
  readonly names: ServerNamesDeps;
  /** For clients that give no name, and until the name is known. */
  readonly firstContext: SecureContext;
  readonly sweeper: DeadlineSweeper;
  readonly monotonicMs: () => number;
  readonly stats: TlsStats;
  /** Counts the connection for the client that a PROXY header names; its key, or null if it has too many. */
  readonly countAddress: (address: string) => string | null;
  readonly releaseAddress: (key: string) => void;
  readonly onSecured: (handshake: TlsHandshake, secured: SecuredSocket) => void;
  /** It ended without a secured connection. */
  readonly onClosed: (handshake: TlsHandshake) => void;
  readonly onBug: (error: unknown) => void;
}

/** Fatal alert 112, unrecognized_name (RFC 6066 section 3), as a record in the clear: no key is agreed on yet. */
const UNRECOGNIZED_NAME = Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x70]);

/** The first two bytes are the length of the name. */
const ALPN_HTTP1 = Buffer.from('\x08http/1.1', 'latin1');

/** How long a client that was refused may take to close. */
const REFUSED_MS = 1000;

/**
 * One connection from accept to the end of its handshake; then a `DownstreamConnection` has it.
 *
 *     accepted ─► proxy header ─► ClientHello ─► name chosen ─► secured
 *        └──────── deadline, error, close ─────────┴──► closed
 *
 * Whatever is called by Node in here catches all: an exception in a callback of a handshake would end the worker
 * (CVE-2026-21637).
 */
export class TlsHandshake implements Expirable {
  deadlineMs: number;
  readonly urgent = false;
  readonly #deps: TlsHandshakeDeps;
  readonly #socket: Socket;
  #address: string;
  #addressKey: string;
  #header: Buffer | null = null;
  #secure: TLSSocket | null = null;
  #identity: ServerIdentity | null = null;
  /** What it counts as at its end. */
  #result: Exclude<keyof TlsStats, 'open' | 'ok'> = 'closed';
  #done = false;

  /** @param addressKey what the connection was counted as; '' if it was not yet. */
  constructor(deps: TlsHandshakeDeps, socket: Socket, addressKey: string) {
    this.#deps = deps;
    this.#socket = socket;
    this.#address = socket.remoteAddress ?? '';
    this.#addressKey = addressKey;
    this.deadlineMs = deps.monotonicMs() + deps.settings.handshakeMs;
    deps.stats.open += 1;
    deps.sweeper.add(this);
    socket.on('error', ignore);
    socket.once('close', this.#onClose);
  }

  /** Begins; the owner knows it by now. */
  start(): void {
    this.#guard(() => {
      const { stats, settings } = this.#deps;
      if (stats.open > settings.handshakesMax) this.#fail('refused');
      else if (settings.proxyProtocol)
        this.#socket.on('data', this.#onHeader).once('end', this.#onEnd).resume();
      else this.#shake();
    });
  }

  onExpire(): void {
    if (this.#result === 'closed') this.#result = 'timeout';
    this.destroy();
  }

  /** Closes at once. */
  destroy(): void {
    this.#secure?.destroy();
    this.#socket.destroy();
  }

  // What listeners ask of every connection

  cutIfSlow(): boolean {
    return false;
  }

  endIfRevoked(): boolean {
    return false;
  }

  goAway(): void {
    this.destroy();
  }

  /** It may become a request at any moment. */
  idleSince(): boolean {
    return false;
  }

  readonly #onHeader = (chunk: Buffer): void => {
    this.#guard(() => {
      const bytes = this.#header === null ? chunk : Buffer.concat([this.#header, chunk]);
      this.#header = bytes;
      const header = parseProxyHeader(bytes, 0, bytes.length);
      if (header === 'incomplete') return;
      if (header === 'invalid') return this.#fail('failed');
      this.#socket.off('data', this.#onHeader).off('end', this.#onEnd).pause();
      this.#header = null;
      if (header.address !== null) {
        const key = this.#deps.countAddress(header.address);
        if (key === null) return this.#fail('refused');
        this.#address = header.address;
        this.#addressKey = key;
      }
      if (bytes.length > header.bytes) this.#socket.unshift(bytes.subarray(header.bytes));
      this.#shake();
    });
  };

  #shake(): void {
    const options: TLSSocketOptions = {
      isServer: true,
      secureContext: this.#deps.firstContext,
      ALPNProtocols: ALPN_HTTP1,
      SNICallback: (name, callback) => this.#guard(() => this.#onName(name, callback)),
    };
    const secure = new TLSSocket(this.#socket, options);
    this.#secure = secure;
    secure.on('error', this.#onError);
    secure.once('secure', this.#onSecure);
    secure.once('end', this.#onEnd);
    secure.once('close', this.#onClose);
  }

  /** The client has said whom it wants. Without a name this is not called, and the first context serves. */
  #onName(name: string, callback: (error: Error | null, context?: SecureContext) => void): void {
    const choice = chooseByName(this.#deps.names, name);
    if (typeof choice === 'string') {
      this.#refuseName(choice === 'unknown' ? 'unknownName' : 'unusable');
      return;
    }
    this.#identity = choice.identity;
    callback(null, choice.context);
  }

  /** The handshake is left where it is. */
  #refuseName(result: 'unknownName' | 'unusable'): void {
    this.#result = result;
    this.deadlineMs = this.#deps.monotonicMs() + REFUSED_MS;
    this.#socket.end(UNRECOGNIZED_NAME, () => this.destroy());
  }

  readonly #onSecure = (): void => {
    this.#guard(() => {
      const { names, stats, onSecured } = this.#deps;
      const secure = this.#secure;
      if (this.#done || secure === null) return;
      const identity = this.#identity ?? nameless(chooseByName(names, ''));
      if (identity === null) return this.#fail('unknownName');
      this.#end();
      secure.off('error', this.#onError).off('close', this.#onClose).off('end', this.#onEnd);
      this.#socket.off('close', this.#onClose);
      stats.ok += 1;
      const { version, standardName } = secure.getCipher();
      onSecured(this, {
        socket: secure,
        below: this.#socket,
        clientAddress: this.#address,
        addressKey: this.#addressKey,
        identity,
        version: secure.getProtocol() ?? version,
        cipher: standardName,
      });
    });
  };

  /** FIN of the client: half a handshake is none. */
  readonly #onEnd = (): void => this.destroy();

  readonly #onError = (): void => {
    if (this.#result === 'closed') this.#result = 'failed';
  };

  readonly #onClose = (): void => {
    if (this.#done) return;
    this.#end();
    const { stats, onClosed, releaseAddress } = this.#deps;
    stats[this.#result] += 1;
    if (this.#addressKey !== '') releaseAddress(this.#addressKey);
    this.destroy();
    onClosed(this);
  };

  #fail(result: 'refused' | 'failed' | 'unknownName'): void {
    this.#result = result;
    this.destroy();
  }

  #end(): void {
    this.#done = true;
    this.#deps.stats.open -= 1;
    this.#deps.sweeper.remove(this);
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#deps.onBug(error);
      this.destroy();
    }
  }
}

function nameless(choice: ReturnType<typeof chooseByName>): ServerIdentity | null {
  return typeof choice === 'string' ? null : choice.identity;
}

/** Who has the socket sees its end by 'close'. */
function ignore(): void {
  // nothing
}
