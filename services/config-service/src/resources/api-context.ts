import type { Store } from '../store/store.ts';

/** Waits until edges have what was written. */
export interface Convergence {
  /**
   * Resolves to true when every live edge has acknowledged these documents (true at once if no edge
   * is live), to false after `timeoutMs` or when too many waits are open.
   */
  wait(
    documents: readonly { readonly key: string; readonly revision: number }[],
    timeoutMs: number,
  ): Promise<boolean>;
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
}
