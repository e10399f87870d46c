import assert from 'node:assert/strict';
import { BoundedMap } from '@headgate/runtime';
import { ConfigDigest, DIGEST_BUCKETS, digestBucket } from './config-digest.ts';

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
  /** Revisions of live documents, by digest bucket: a repair asks for each of them in turn. */
  readonly #live = Array.from({ length: DIGEST_BUCKETS }, () => new Map<string, number>());
  #size = 0;
  /** Revisions of deletions, so that an older copy that comes late does not undo one. */
  readonly #deleted: BoundedMap<string, number>;
  readonly #liveMax: number;

  constructor(limits: { readonly liveMax: number; readonly deletedMax: number }) {
    this.#liveMax = limits.liveMax;
    this.#deleted = new BoundedMap(limits.deletedMax);
  }

  get size(): number {
    return this.#size;
  }

  /** Revision of a live document; undefined if it is not held. */
  liveRevision(key: string): number | undefined {
    return this.#liveIn(digestBucket(key)).get(key);
  }

  /** Takes note of a document or a deletion; 'stale' if what is held is as new or newer. */
  hold(key: string, revision: number, deleted: boolean): HoldOutcome {
    const bucket = digestBucket(key);
    const live = this.#liveIn(bucket);
    const old = live.get(key);
    const known = old ?? this.#deleted.get(key);
    if (known !== undefined && revision <= known) return 'stale';
    if (!deleted && old === undefined && this.#size >= this.#liveMax) return 'full';
    this.highestRevision = Math.max(this.highestRevision, revision);
    if (deleted) {
      if (old !== undefined) this.digest.remove(key, old, bucket);
      if (live.delete(key)) this.#size -= 1;
      this.#deleted.set(key, revision);
      return 'new';
    }
    if (old === undefined) this.digest.add(key, revision, bucket);
    else this.digest.replace(key, old, revision, bucket);
    this.#deleted.delete(key);
    if (old === undefined) this.#size += 1;
    live.set(key, revision);
    return 'new';
  }

  /** Live keys of one digest bucket with their revisions: a copy. */
  inBucket(bucket: number): [key: string, revision: number][] {
    return [...(this.#live[bucket] ?? [])];
  }

  #liveIn(bucket: number): Map<string, number> {
    const live = this.#live[bucket];
    assert(live !== undefined, 'every key has a bucket');
    return live;
  }
}
