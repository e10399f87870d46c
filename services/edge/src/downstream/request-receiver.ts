import type { Http1Fault } from '@headgate/http1';

/**
 * What a {@link RequestReader} tells the connection, which decides what follows. All of it is called within `onBytes` of
 * the reader, or within the call that lets it go on.
 */
export interface RequestReceiver {
  /** The PROXY protocol names the client; false to refuse it. */
  onClientAddress(address: string): boolean;
  /** The first byte of a head is here. */
  onHeadStarted(): void;
  /** The head of a request is complete; what follows waits until the receiver says what becomes of it. @hot */
  onRequest(): void;
  /** The head is malformed; the rest of the chunk is dropped. */
  onHeadFault(fault: Http1Fault | null): void;
  /** The body that was to be dropped is complete. */
  onDiscarded(): void;
  /** The body is malformed; the rest of the chunk is dropped. */
  onBodyFault(fault: Http1Fault | null): void;
  /** FIN came before, and what was held is dealt with. */
  onInputEnd(): void;
  /** An exception while held bytes were processed. */
  onBug(error: unknown): void;
  /** The PROXY header is invalid, or the client refused: closes without an answer. */
  destroy(): void;
}
