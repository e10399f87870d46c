import { documentKey } from '@headgate/model';
import type { WireDocument } from '../ipc/wire-document.ts';
import type { ParsedRecords, SnapshotRecord, WithdrawnDocument } from './snapshot-records.ts';

/** One generation of the configuration as its two files hold it. */
export interface Generation {
  readonly base: ParsedRecords;
  readonly journal: ParsedRecords;
}

/** Result of reading the files. */
export interface LoadedSnapshots {
  /** In force when the edge ended. */
  readonly documents: ReadonlyMap<string, WireDocument>;
  /** Those of them that had not proved themselves, with the good one to go back to; null for none. */
  readonly fresh: ReadonlyMap<string, WireDocument | null>;
  /** Revisions that had to go because workers ended with them. */
  readonly withdrawn: ReadonlyMap<string, WithdrawnDocument>;
  /** Records that could not be used. */
  readonly damaged: number;
  /** No tenant is missing: one base is sound, and what changed since may at worst be older than it was. */
  readonly whole: boolean;
}

/** Merges generations, the oldest first: newer revisions win, a deletion removes. */
export function mergeGenerations(generations: readonly Generation[]): LoadedSnapshots {
  const merge = new Merge();
  let damaged = 0;
  let whole = false;
  for (const { base, journal } of generations) {
    damaged += base.damaged + journal.damaged + (base.complete ? 0 : 1);
    if (base.complete && base.damaged === 0) whole = true;
    for (const record of base.records) merge.add(record, true);
    for (const record of journal.records) merge.add(record, false);
  }
  return { ...merge.finish(), damaged, whole };
}

class Merge {
  readonly #newest = new Map<string, WireDocument>();
  readonly #good = new Map<string, WireDocument>();
  readonly #withdrawn = new Map<string, WithdrawnDocument>();

  add(record: SnapshotRecord, proven: boolean): void {
    if (record.type === 'document') this.#addDocument(record.document, proven);
    else if (record.type === 'good') record.revisions.forEach((one) => this.#addGood(...one));
    else this.#withdraw(record.withdrawn);
  }

  finish(): Pick<LoadedSnapshots, 'documents' | 'fresh' | 'withdrawn'> {
    const documents = new Map<string, WireDocument>();
    const fresh = new Map<string, WireDocument | null>();
    for (const [key, document] of this.#newest) {
      if (document.deleted) continue;
      documents.set(key, document);
      const good = this.#good.get(key) ?? null;
      if (good?.revision !== document.revision) fresh.set(key, good);
    }
    return { documents, fresh, withdrawn: this.#withdrawn };
  }

  #addDocument(document: WireDocument, proven: boolean): void {
    const { key, revision, deleted } = document;
    const newest = this.#newest.get(key);
    const outdated = newest !== undefined && revision < newest.revision;
    if (proven && !(outdated && newest.deleted)) this.#good.set(key, document);
    if (outdated) return;
    const withdrawn = this.#withdrawn.get(key);
    if (withdrawn !== undefined && !deleted && revision === withdrawn.header.revision) return;
    if (withdrawn !== undefined && revision > withdrawn.header.revision)
      this.#withdrawn.delete(key);
    this.#newest.set(key, document);
    if (deleted) this.#good.delete(key);
  }

  #addGood(key: string, revision: number): void {
    const document = this.#newest.get(key);
    if (document?.revision === revision && !document.deleted) {
      this.#good.set(key, document);
    }
  }

  #withdraw(withdrawn: WithdrawnDocument): void {
    const key = documentKey(withdrawn.header.kind, withdrawn.header.id);
    const newest = this.#newest.get(key);
    if (newest !== undefined && newest.revision > withdrawn.header.revision) return;
    this.#withdrawn.set(key, withdrawn);
    const good = this.#good.get(key);
    if (good === undefined) this.#newest.delete(key);
    else this.#newest.set(key, good);
  }
}
