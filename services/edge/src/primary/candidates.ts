import type { WireDocument } from '../ipc/wire-document.ts';

/** A document that ends so many workers while they compile it is refused. */
export const COMPILE_ENDS_MAX = 2;

/** A document that workers are deciding on. */
export interface Candidate {
  readonly document: WireDocument;
  /** Workers that have not answered. An array, as there are few: 100,000 candidates at once come with a set each. */
  readonly awaited: string[];
  /** Those of them that were asked for it in a message of its own; null for none, as nearly always. */
  askedAlone: Set<string> | null;
  /** Workers that have it in force. */
  approvals: number;
  /** Workers that ended while they compiled it. */
  ends: number;
}

/** What becomes of candidates when a worker ends. */
export interface LostWorkerVerdict {
  /** Every other worker has applied them. */
  readonly accepted: readonly Candidate[];
  /** Has ended too many workers; null for none. */
  readonly refused: Candidate | null;
  /** It owed answers: what it was compiling is the first suspect, not what it served. */
  readonly wasCompiling: boolean;
}

/**
 * The documents that workers are deciding on, at most one revision of each, oldest first. A candidate is never accepted
 * unseen: if nobody is left who knows it, it waits for the next worker.
 */
export class Candidates {
  readonly #candidates = new Map<string, Candidate>();
  /** The newest revisions that a worker could not compile, at most one of each: with another plan or shared upstream they may be good. */
  readonly #refused = new Map<string, WireDocument>();

  get size(): number {
    return this.#candidates.size;
  }

  keys(): Iterable<string> {
    return this.#candidates.keys();
  }

  get(key: string): Candidate | undefined {
    return this.#candidates.get(key);
  }

  /** Takes in a document in place of an older revision of it. */
  add(document: WireDocument, workerIds: readonly string[]): void {
    this.delete(document.key); // to the end: workers compile in this order
    this.#candidates.set(document.key, {
      document,
      awaited: [...workerIds],
      askedAlone: null,
      approvals: 0,
      ends: 0,
    });
  }

  /** Of this key nothing is decided on any more, nor tried again. */
  delete(key: string): void {
    this.#candidates.delete(key);
    this.#refused.delete(key);
  }

  /** A worker cannot compile the candidate: it is none any more, until {@link retryRefused}. */
  refuse({ document }: Candidate): void {
    this.delete(document.key);
    this.#refused.set(document.key, document);
  }

  /** Makes all that was refused candidates again; returns them. */
  retryRefused(workerIds: readonly string[]): WireDocument[] {
    const documents = [...this.#refused.values()];
    for (const document of documents) this.add(document, workerIds);
    return documents;
  }

  /** A new worker decides too; returns what to ask it, in order, each in a message of its own. */
  join(workerId: string): WireDocument[] {
    return [...this.#candidates.values()].map((candidate) => {
      candidate.awaited.push(workerId);
      candidate.askedAlone ??= new Set();
      candidate.askedAlone.add(workerId);
      return candidate.document;
    });
  }

  /** A worker has applied a candidate; true once nobody is awaited any more. */
  approve(candidate: Candidate, workerId: string): boolean {
    if (strike(candidate.awaited, workerId)) candidate.approvals += 1;
    return candidate.awaited.length === 0 && candidate.approvals > 0;
  }

  /**
   * A worker is gone. Workers compile in order, so the oldest that it owed an answer for is what it was busy with, unless
   * it was asked for several at once: the next worker, asked one by one, will tell.
   */
  workerLost(workerId: string): LostWorkerVerdict {
    const accepted: Candidate[] = [];
    let busyWith: Candidate | null = null;
    for (const candidate of this.#candidates.values()) {
      if (!strike(candidate.awaited, workerId)) continue;
      busyWith ??= candidate;
      if (candidate.awaited.length === 0 && candidate.approvals > 0) accepted.push(candidate);
    }
    if (busyWith?.askedAlone?.has(workerId) === true) busyWith.ends += 1;
    const refused = busyWith !== null && busyWith.ends >= COMPILE_ENDS_MAX ? busyWith : null;
    return {
      accepted: accepted.filter((candidate) => candidate !== refused),
      refused,
      wasCompiling: busyWith !== null,
    };
  }
}

/** Takes a worker off a list; returns whether it was on it. */
function strike(workerIds: string[], id: string): boolean {
  const index = workerIds.indexOf(id);
  if (index === -1) return false;
  workerIds.splice(index, 1);
  return true;
}
