import { ConfigDigest, digestBucket, type DigestMessage } from '@headgate/bus';
import type { DocumentEntry } from '../store/outbox.ts';

/**
 * Which documents the bucket holds, as far as the leader knows, with their digest. Invariant: the
 * digest covers exactly the live documents, and the revision of a key never falls.
 */
export class PublishedDocuments {
  readonly #digest = new ConfigDigest();
  readonly #live = new Map<string, number>();
  readonly #epoch: string;
  /** Highest revision, deletions included. */
  #revision = 0;

  constructor(epoch: string, entries: readonly DocumentEntry[]) {
    this.#epoch = epoch;
    for (const entry of entries) this.note(entry);
  }

  /** A document was published. O(1). */
  note({ key, revision, deleted }: DocumentEntry): void {
    const old = this.#live.get(key);
    if (old !== undefined && revision <= old) return;
    this.#revision = Math.max(this.#revision, revision);
    if (deleted) {
      if (old !== undefined) this.#digest.remove(key, old);
      this.#live.delete(key);
      return;
    }
    if (old === undefined) this.#digest.add(key, revision);
    else this.#digest.replace(key, old, revision);
    this.#live.set(key, revision);
  }

  digest(): DigestMessage {
    return this.#digest.toMessage(this.#epoch, this.#revision);
  }

  /** Live keys that may be missing from a bucket with this digest; null stands for an empty one. */
  missingFrom(stored: DigestMessage | null): string[] {
    if (stored === null || stored.epoch !== this.#epoch) return [...this.#live.keys()];
    const differing = new Set(this.#digest.differences(stored));
    if (differing.size === 0) return [];
    return [...this.#live.keys()].filter((key) => differing.has(digestBucket(key)));
  }
}
