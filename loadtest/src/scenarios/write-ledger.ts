/** A write of a tenant's name that became a revision. */
export interface NamedRevision {
  readonly revision: number;
  readonly name: string;
}

/** What contradicts what, in words; nothing is wrong if all three are empty. */
export interface LedgerFaults {
  /** Told to a client as made, and not there. */
  readonly lost: readonly string[];
  /** On the bus or in the database, though no client asked for it, or twice though asked for once. */
  readonly phantoms: readonly string[];
  /** Where the history and the audit tell different stories. */
  readonly disagreements: readonly string[];
}

/** What clients asked for and were told, and what was published, of one tenant each. Each write has a name of its own. */
export class WriteLedger {
  readonly #attempted = new Set<string>();
  readonly #acknowledged = new Set<string>();
  readonly #published = new Map<number, string>();

  /** Writes that were answered as made. */
  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  /** A client is about to write. */
  attempt(name: string): void {
    this.#attempted.add(name);
  }

  /** A client was told that its write is made. */
  acknowledge(name: string): void {
    this.#acknowledged.add(name);
  }

  /** A revision came over the bus. */
  publish({ revision, name }: NamedRevision): void {
    this.#published.set(revision, name);
  }

  /**
   * Compares all that with the database.
   *
   * @param audit all rows, oldest first
   * @param history revisions that are kept, oldest first: the newest ones
   */
  judge(audit: readonly NamedRevision[], history: readonly number[]): LedgerFaults {
    const stored = new Map(audit.map(({ revision, name }) => [revision, name]));
    const names = new Set(stored.values());
    const phantoms = [...names]
      .filter((name) => !this.#attempted.has(name))
      .map((name) => `${name} is stored and was never asked for`);
    if (names.size < audit.length) phantoms.push('a write is stored twice');
    for (const [revision, name] of this.#published) {
      if (stored.get(revision) === name) continue;
      phantoms.push(
        `revision ${revision} was published as ${name}, stored as ${stored.get(revision)}`,
      );
    }
    const disagreements: string[] = [];
    const newest = audit.slice(audit.length - history.length).map(({ revision }) => revision);
    if (history.length === 0 || newest.join() !== history.join()) {
      disagreements.push(`history ${history.join()}, audit ${newest.join()}`);
    }
    if (audit.some(({ revision }, index) => revision <= (audit[index - 1]?.revision ?? 0))) {
      disagreements.push('revisions do not rise');
    }
    const lost = [...this.#acknowledged].filter((name) => !names.has(name));
    return { lost: lost.map((name) => `${name} was acknowledged`), phantoms, disagreements };
  }
}
