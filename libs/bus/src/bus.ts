import type { NatsConnection } from 'nats';
import type { CallbackGuard } from './callback-guard.ts';

/** What became of a message that was handed to the bus. Nothing is queued while disconnected. */
export type SendOutcome = 'sent' | 'disconnected' | 'too-large';

/** Answer to a request, or why there is none. */
export type RequestOutcome =
  | { readonly ok: true; readonly data: Uint8Array }
  | {
      readonly ok: false;
      readonly reason: 'disconnected' | 'too-large' | 'no-responders' | 'timeout';
    };

/** A message from the bus. `data` is a view that is valid during the callback; copy to keep. */
export interface BusMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  /** Answers a request; 'disconnected' also when the message is not a request. */
  respond(data: Uint8Array): SendOutcome;
}

/** Something that can be ended. Idempotent. */
export interface Subscription {
  unsubscribe(): void;
}

/** What happens on a bus, for logs and counters. */
export type BusEvent =
  | { readonly type: 'connected'; readonly server: string }
  | { readonly type: 'disconnected' }
  /** An attempt to connect failed; the next one follows after a wait. */
  | { readonly type: 'connect-failed'; readonly error: unknown }
  /** The server reported an error, for example a permission that is missing. */
  | { readonly type: 'server-error'; readonly code: string }
  /** A callback of a consumer threw; `where` names it. The bus goes on. */
  | { readonly type: 'callback-failed'; readonly where: string; readonly error: unknown };

/**
 * The connection to NATS as the rest of this library sees it: it exists from the start, may be
 * disconnected at any time, and subscriptions survive all of that.
 */
export interface Bus {
  readonly connected: boolean;
  /** Largest message that the server takes, in bytes; null before the first connection. */
  readonly payloadBytesMax: number | null;
  /** Isolates consumers' callbacks; its `failures` is a figure for metrics. */
  readonly guard: CallbackGuard;
  /** Publishes on core NATS: at most once, nothing is kept for later. */
  publish(subject: string, data: Uint8Array): SendOutcome;
  /** Asks one responder. Never rejects. */
  request(subject: string, data: Uint8Array, timeoutMs: number): Promise<RequestOutcome>;
  /** Receives from now (or from the first connection) on; `queue` shares with the same queue. */
  subscribe(
    subject: string,
    onMessage: (message: BusMessage) => void | Promise<void>,
    options?: { readonly queue?: string },
  ): Subscription;
  /** Calls `listener` after every change of `connected`, and at once if it is already true. */
  onConnection(listener: (connected: boolean) => void): Subscription;
  /** The client's connection, for JetStream; null while disconnected. */
  connection(): NatsConnection | null;
  /** Sends what is buffered and disconnects; gives up waiting after `deadlineMs` (default 2000). */
  close(deadlineMs?: number): Promise<void>;
}
