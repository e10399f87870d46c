/** What is known when the bus has brought everything. */
export interface FirstSyncEnd {
  /** All documents up to this revision have come. */
  readonly revision: number;
  /** Taken unseen, and nobody else tells of them: key and revision. */
  readonly untold: readonly (readonly [key: string, revision: number])[];
}

/** The end of a first sync, and who and what it waits for. */
interface Ending extends FirstSyncEnd {
  readonly workers: Set<string>;
  readonly undecided: Set<string>;
}

/**
 * The first sync of an edge: documents are taken unseen until the bus has brought everything; it is over once all workers have
 * acted on all of it and have decided on what was still open then.
 */
export class FirstSync {
  #unseen = 0;
  #ending: Ending | null = null;

  /** Documents taken unseen that workers may not have acted on yet. */
  get unseen(): number {
    return this.#unseen;
  }

  noteUnseen(): void {
    this.#unseen += 1;
  }

  /**
   * The bus has brought everything.
   *
   * @param workers that still have to act on what has come.
   * @param undecided keys of documents that workers are deciding on.
   */
  end(end: FirstSyncEnd, workers: Iterable<string>, undecided: Iterable<string>): void {
    this.#ending = { ...end, workers: new Set(workers), undecided: new Set(undecided) };
  }

  /** A worker has acted on all that there was at the end, or is gone. */
  workerDone(workerId: string): void {
    this.#ending?.workers.delete(workerId);
  }

  /** A document is decided on, or deleted. */
  decided(key: string): void {
    this.#ending?.undecided.delete(key);
  }

  /** Once, when it is over: what its end was. Null before and after. */
  takeEnd(): FirstSyncEnd | null {
    const ending = this.#ending;
    if (ending === null || ending.workers.size + ending.undecided.size > 0) return null;
    this.#ending = null;
    this.#unseen = 0;
    return ending;
  }
}
