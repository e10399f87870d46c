import type { Http1Limits } from '@headgate/http1';
import type { Clock, DeadlineSweeper } from '@headgate/runtime';
import type { ReadBuffers } from '../io/read-buffers.ts';
import type { Exchange } from '../request/exchange.ts';
import type { ForwardingRules } from '../request/forwarded-head.ts';
import type { Recorder } from '../stages/record.ts';
import type { DownstreamConnection } from './downstream-connection.ts';

/** Bounds and times of client connections. */
export interface DownstreamSettings {
  readonly http1: Http1Limits;
  /** From the first byte of a request head to its end. */
  readonly headerTimeoutMs: number;
  /** Between requests. */
  readonly keepAliveTimeoutMs: number;
  /** How long to read on after the last answer, so that a RST does not destroy it (RFC 9112 section 9.6). */
  readonly lingerMs: number;
  /** Bytes kept of what a client sends ahead while its request is served. */
  readonly stashBytesMax: number;
  /** Each connection starts with a PROXY protocol v2 header, as a network load balancer sends it. */
  readonly proxyProtocol: boolean;
  /** A refused request's body is read and dropped up to this size; beyond, the connection closes. */
  readonly discardBytesMax: number;
}

/** What all connections of a worker share. */
export interface DownstreamDeps {
  readonly settings: DownstreamSettings;
  readonly buffers: ReadBuffers;
  readonly sweeper: DeadlineSweeper;
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly forwarding: ForwardingRules;
  /** `Date` line with CRLF, renewed every second. */
  readonly dateLine: () => string;
  /** Whether a client address may set forwarding and tenant headers. */
  readonly isTrusted: (address: string) => boolean;
  /** No further request is taken: answers say `Connection: close`. */
  readonly draining: () => boolean;
  readonly nextRequestId: () => string;
  /** Runs the request path. */
  readonly handle: (exchange: Exchange) => void;
  readonly onClosed: (connection: DownstreamConnection) => void;
  /** An exception in the request path: a bug. The request gets a 500, the process goes on. */
  readonly onBug: (error: unknown) => void;
}
