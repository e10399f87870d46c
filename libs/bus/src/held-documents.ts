import { BoundedMap } from '@headgate/runtime';
import { ConfigDigest, digestBucket } from './config-digest.ts';

/** What became of a document that was offered to {@link HeldDocuments}. */
export type HoldOutcome = 'new' | 'stale' | 'full';

/**
 * Which document is held at which revision, without the documents. Invariants: the digest covers
 * exactly the live documents, and the revision of a key never falls.
 */
export class HeldDocuments {
  readonly digest = new ConfigDigest();
  /** Highest revision seen, deletions included. */
  highestRevision = 0;
  readonly #live = new Map<string, number>();
  /** Revisions of deletions, so that an older copy that comes late does not undo one. */
  readonly #deleted: BoundedMap<string, number>;
  readonly #liveMax: number;

  constructor(limits: { readonly liveMax: number; readonly deletedMax: number }) {
    this.#liveMax = limits.liveMax;
    this.#deleted = new BoundedMap(limits.deletedMax);
  }

  get size(): number {
    return this.#live.size;
  }

  /** Revision of a live document; undefined if it is not held. */
  liveRevision(key: string): number | undefined {
    return this.#live.get(key);
  }

  /** Takes note of a document or a deletion; 'stale' if what is held is as new or newer. */
  hold(key: string, revision: number, deleted: boolean): HoldOutcome {
    const old = this.#live.get(key);
    const known = old ?? this.#deleted.get(key);
    if (known !== undefined && revision <= known) return 'stale';
    if (!deleted && old === undefined && this.#live.size >= this.#liveMax) return 'full';
    this.highestRevision = Math.max(this.highestRevision, revision);
    if (deleted) {
      if (old !== undefined) this.digest.remove(key, old);
      this.#live.delete(key);
      this.#deleted.set(key, revision);
      return 'new';
    }
    if (old === undefined) this.digest.add(key, revision);
    else this.digest.replace(key, old, revision);
    this.#deleted.delete(key);
    this.#live.set(key, revision);
    return 'new';
  }

  /** Live keys of one digest bucket with their revisions. O(all live documents). */
  inBucket(bucket: number): [key: string, revision: number][] {
    return [...this.#live].filter(([key]) => digestBucket(key) === bucket);
  }
}
