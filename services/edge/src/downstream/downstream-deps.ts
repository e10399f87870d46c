import type { HostCache, Http1Limits } from '@headgate/http1';
import type { DeadlineSweeper } from '@headgate/runtime';
import type { HeldClock } from '../io/held-clock.ts';
import type { ReadBuffers } from '../io/read-buffers.ts';
import type { Exchange } from '../request/exchange.ts';
import type { ExchangeDeps } from '../request/exchange-client.ts';
import type { ForwardingRules } from '../request/forwarded-head.ts';
import type { RequestContext } from '../request/request-context.ts';
import type { Recorder } from '../stages/record.ts';
import type { AddressCounts } from './address-counts.ts';
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
  /** Least rate at which a client sends a body and takes an answer; 0 for none. */
  readonly clientBytesPerSecondMin: number;
  /** How far a client may be behind that rate with a body, counted while the edge could read. */
  readonly bodyStallMs: number;
  /** How far a client may be behind that rate with taking what waits for it. */
  readonly writeStallMs: number;
  /** Requests that a connection may carry; Infinity for no bound. */
  readonly requestsPerConnectionMax: number;
}

/** Plain counters for metrics; the connections of a worker and its listener write them. */
export interface DownstreamStats {
  accepted: number;
  /** Refused at once: too many connections in all. */
  refusedTotal: number;
  /** Refused at once: too many connections of the address. */
  refusedAddress: number;
  /** Times that accepting was paused: the process nears its limit of open files. */
  pausedFds: number;
  /** Times that accepting was paused: overload. */
  pausedOverload: number;
  /** Cut: the head of a request was not complete in time. */
  cutHead: number;
  /** Cut: a request body came too slowly. */
  cutBody: number;
  /** Cut: the client took its answer too slowly. */
  cutWrite: number;
  /** Ended after an answer: it was the connection's last one. */
  endedRequests: number;
  /** Ended after an answer, to make room in an overload. */
  endedOverload: number;
}

/** All counters at 0. */
export function createDownstreamStats(): DownstreamStats {
  return {
    accepted: 0,
    refusedTotal: 0,
    refusedAddress: 0,
    pausedFds: 0,
    pausedOverload: 0,
    cutHead: 0,
    cutBody: 0,
    cutWrite: 0,
    endedRequests: 0,
    endedOverload: 0,
  };
}

/** What all connections of a worker share. */
export interface DownstreamDeps {
  readonly settings: DownstreamSettings;
  readonly buffers: ReadBuffers;
  readonly hosts: HostCache;
  readonly sweeper: DeadlineSweeper;
  readonly clock: HeldClock;
  readonly recorder: Recorder;
  /** Where the slots of requests return. */
  readonly limiter: ExchangeDeps['limiter'];
  /** Where verdicts are counted. */
  readonly tally: ExchangeDeps['tally'];
  readonly shadows: ExchangeDeps['shadows'];
  readonly limitHeaders: ExchangeDeps['limitHeaders'];
  readonly forwarding: ForwardingRules;
  /** `Date` line with CRLF, renewed every second. */
  readonly dateLine: () => string;
  /** Whether a client address may set forwarding and tenant headers. */
  readonly isTrusted: (address: string) => boolean;
  /** No further request is taken: answers say `Connection: close`. */
  readonly draining: () => boolean;
  /** Work is short of time or memory: a client that closes its half while it waits is taken to have given up. */
  readonly overloaded: () => boolean;
  /** Asked before each answer: whether this connection should end with it, to make room in an overload. */
  readonly letsGo: () => boolean;
  /** Whether a WebSocket may go on that was opened some time ago; asked about once a second. */
  readonly mayGoOn: (context: RequestContext) => boolean;
  readonly nextRequestId: () => string;
  /** Runs the request path. */
  readonly handle: (exchange: Exchange) => void;
  readonly stats: DownstreamStats;
  /** Open connections by client address, behind a load balancer by the address that it names. */
  readonly addresses: AddressCounts;
  readonly onClosed: (connection: DownstreamConnection) => void;
  /**
   * An exception in the request path: a bug. The request gets a 500, the process goes on.
   *
   * @param context of the request that was served; null if there was none.
   */
  readonly onBug: (error: unknown, context: RequestContext | null) => void;
}
