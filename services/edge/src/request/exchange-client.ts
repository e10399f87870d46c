import type { Limiter, LimitHeaders } from '@headgate/limiting';
import type { Clock } from '@headgate/runtime';
import type { ByteSocket } from '../io/byte-socket.ts';
import type { Recorder } from '../stages/record.ts';
import type { Shadows } from '../stages/evaluate-shadows.ts';
import type { UsageTally } from '../usage/usage-tally.ts';
import type { ForwardingRules } from './forwarded-head.ts';
import type { LocalReply } from './local-reply.ts';

/** What the exchanges of a worker share. */
export interface ExchangeDeps {
  readonly clock: Clock;
  readonly recorder: Recorder;
  /** Where bodies take further bytes, and to which slots and bytes that were not used return. */
  readonly limiter: Pick<Limiter, 'release' | 'takeBytes' | 'returnBytes'>;
  /** Where verdicts are counted. */
  readonly tally: Pick<UsageTally, 'note' | 'giveBack'>;
  /** Hears of each request that passes. */
  readonly shadows: Pick<Shadows, 'evaluate'>;
  /** The fields that tell clients of their limits. */
  readonly limitHeaders: LimitHeaders;
  readonly forwarding: ForwardingRules;
  /** `Date` line with CRLF, renewed every second. */
  readonly dateLine: () => string;
}

/** The client's connection, as the exchange that serves its present request sees it. */
export interface ExchangeClient {
  readonly deps: ExchangeDeps;
  readonly bytes: ByteSocket;
  /** When `onDeadline` of the exchange is due, monotonic; the exchange sets it for each of its phases. */
  deadlineMs: number;
  readonly requests: RequestSource;
  /** Runs work that comes from outside of the read callback; an exception in it is a bug of ours. */
  guard(work: () => void): void;
  /** A bug of ours: it ends this connection, not the process. */
  onBug(error: unknown): void;
  /** Whether the connection may serve another request after the present one. Asked once per answer. */
  mayKeepAlive(): boolean;
  /** Queues a reply of the edge; returns whether the connection goes on after it. */
  writeLocalReply(reply: LocalReply): boolean;
  /** The request is done and recorded. */
  onExchangeDone(keepAlive: boolean): void;
  /** The response is cut: an RST tells the client so. */
  abort(): void;
}

/** What the client sends after the head of the present request. */
export interface RequestSource {
  /** The whole body was read. */
  readonly requestComplete: boolean;
  /** A small body is awaited. */
  readonly gathering: boolean;
  /** Whether the body is small but not all here yet; then `onSmallBody` of the exchange follows. @hot */
  awaitSmallBody(): boolean;
  /** The whole body as text, '' for none; null: it must be streamed. Uses it up. @hot */
  takeSmallBody(): string | null;
  /** Calls `onRequestData` and `onRequestEnd` of the exchange from now on. */
  streamBody(): void;
  /** Holds what comes, for the time being. */
  wait(): void;
  /** Calls `onClientTunnelData` of the exchange from now on. */
  startTunnel(): void;
  /** Reads on after a pause, unless enough is held that waits for its turn. */
  resumeReading(): void;
}
