import type { ResponseHead } from '@headgate/http1';
import type { UpstreamFailure } from './failure.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

/** Who uses an upstream connection for one exchange at a time. */
export interface UpstreamUser {
  /** Method of the request: an answer to HEAD has no body. */
  readonly requestMethod: string;
  /** A connection is being opened for the user; {@link UpstreamConnection.cancel} it when it is no longer wanted. */
  onConnecting(connection: UpstreamConnection): void;
  /** A connection is assigned and stands: send the request. */
  onConnection(connection: UpstreamConnection): void;
  /** A head arrived; 1xx heads come before the final one. Valid during the call. */
  onResponseHead(head: ResponseHead): void;
  /** Body bytes, without transfer coding. Valid during the call. */
  onResponseData(chunk: Buffer, start: number, end: number): void;
  /**
   * The response is complete, and the connection no longer the user's: it is in its pool, or closed, or goes to somebody
   * who waits for it right after.
   */
  onResponseEnd(): void;
  /** After 101: the bytes that follow belong to the tunnel. */
  onTunnelData(chunk: Buffer, start: number, end: number): void;
  /** The other side of a tunnel sends no more. */
  onTunnelEnd(): void;
  /** All queued bytes have gone to the endpoint. */
  onUpstreamDrain(): void;
  /**
   * The exchange failed; the connection is gone.
   *
   * @param reusedStale the endpoint closed a kept-alive connection before it answered: the usual race, worth a retry.
   */
  onUpstreamFailure(failure: UpstreamFailure, reusedStale: boolean): void;
  /** An exception while the user's exchange was worked on; the connection is gone. */
  onBug(error: unknown): void;
  /** Both sockets of the exchange hand their queued text to the kernel. */
  flush(): void;
}
