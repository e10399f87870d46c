import type { CertificateDeps } from '../certificates/prepare-certificate.ts';
import type { Store } from '../store/store.ts';

/** A document that edges must have at this revision, or a newer one. */
export interface AwaitedDocument {
  readonly key: string;
  readonly revision: number;
  /**
   * Published so long ago that an edge has it if it says so in its presence: no acknowledgement of it
   * need be known, as it may be older than this replica. Absent for what has just been written.
   */
  readonly settled?: boolean;
}

/** Waits until edges have what was written. */
export interface Convergence {
  /**
   * Resolves to true when every live edge has these documents, to false when one rejects them, after
   * `timeoutMs`, or when too many waits are open.
   */
  wait(documents: readonly AwaitedDocument[], timeoutMs: number): Promise<boolean>;
}

/** What the operations work with. */
export interface ApiContext {
  readonly store: Store;
  readonly convergence: Convergence;
  /** Largest document in bytes that the bus takes at the moment. */
  readonly documentBytesMax: () => number;
  /** Called right after each commit: there is something to publish. */
  readonly onCommitted: () => void;
  /** `count` bytes that nobody can guess. */
  readonly randomBytes: (count: number) => Buffer;
  /** What certificates are checked and sealed with. */
  readonly certificates: CertificateDeps;
}
