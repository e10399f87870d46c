import { AsyncLocalStorage } from 'node:async_hooks';

/** So many requests in a row that throw speak against the revision that they were served with. */
export const THROWS_MAX = 3;

/**
 * What threw of one revision of a document in one worker. One rare request that throws is a bug of the edge that any
 * revision would meet; that all requests of a route throw is the revision's fault. So only those in a row count: between
 * them no request of the same route was answered.
 */
export class RevisionFaults {
  /** Of the document. */
  readonly key: string;
  readonly revision: number;
  /** Requests in a row that threw: 0 but for a bug, so that requests which are answered read it and go on. @hot */
  inRow = 0;
  /** Of the last one that threw; null if it was not known by then. */
  #route: object | null = null;

  constructor(key: string, revision: number) {
    this.key = key;
    this.revision = revision;
  }

  /** A request threw. True when there are enough of them, once for each row. */
  threw(route: object | null): boolean {
    this.inRow += 1;
    this.#route = route;
    return this.inRow === THROWS_MAX;
  }

  /** A request was answered, though others threw. */
  answered(route: object | null): void {
    if (this.#route === null || this.#route === route) this.inRow = 0;
  }
}

/**
 * Whose work runs at the moment: entered while a revision is compiled, and kept by every timer, promise and socket that
 * this begins. An exception that nobody catches tells by it whose it is. Requests do not enter it: what they throw is
 * caught on their connection, which knows the tenant; so the scope costs a request nothing.
 */
export type RevisionScope = AsyncLocalStorage<RevisionFaults>;

/** The scope of one worker. */
export function createRevisionScope(): RevisionScope {
  return new AsyncLocalStorage({ name: 'revision' });
}
