import { hash } from 'node:crypto';
import { z } from 'zod';

/** Number of buckets of a digest. Part of the wire format. */
export const DIGEST_BUCKETS = 64;

/** A digest as it travels: what all live documents are, in about 1.2 KB. */
export const DigestMessage = z.object({
  v: z.literal(1),
  /** Names the database behind it; digests of another database say nothing about ours. */
  epoch: z.string().min(1).max(64),
  /** Highest revision of any document, deletions included. */
  revision: z.int().min(0),
  /** Number of live documents. */
  count: z.int().min(0),
  /** 16 hexadecimal digits per bucket. */
  buckets: z.array(z.string().regex(/^[0-9a-f]{16}$/)).length(DIGEST_BUCKETS),
});
export type DigestMessage = z.infer<typeof DigestMessage>;

/**
 * Incremental digest over `key@revision` of all live documents. Each document falls into one of 64
 * buckets by its key; a bucket is the XOR of 64-bit hashes, so order does not matter and adding,
 * replacing and removing are O(1) (about 1 µs, the two hashes).
 */
export class ConfigDigest {
  #count = 0;
  /** Two 32-bit words per bucket. */
  readonly #words = new Uint32Array(DIGEST_BUCKETS * 2);

  /** Number of live documents. */
  get count(): number {
    return this.#count;
  }

  /** @param bucket that of the key, for those who know it: it is a hash. */
  add(key: string, revision: number, bucket = digestBucket(key)): void {
    this.#toggle(key, revision, bucket);
    this.#count += 1;
  }

  /** @param bucket as for {@link add}. */
  remove(key: string, revision: number, bucket = digestBucket(key)): void {
    this.#toggle(key, revision, bucket);
    this.#count -= 1;
  }

  /** @param bucket as for {@link add}. */
  replace(key: string, oldRevision: number, newRevision: number, bucket = digestBucket(key)): void {
    this.#toggle(key, oldRevision, bucket);
    this.#toggle(key, newRevision, bucket);
  }

  /** Buckets as they travel. */
  buckets(): string[] {
    return Array.from({ length: DIGEST_BUCKETS }, (_, bucket) => this.#bucket(bucket));
  }

  /** The message for this state. */
  toMessage(epoch: string, revision: number): DigestMessage {
    return { v: 1, epoch, revision, count: this.#count, buckets: this.buckets() };
  }

  /** Numbers of the buckets that differ; empty means that both sides hold the same documents. */
  differences(other: DigestMessage): number[] {
    const differing: number[] = [];
    other.buckets.forEach((value, bucket) => {
      if (value !== this.#bucket(bucket)) differing.push(bucket);
    });
    return differing;
  }

  #bucket(bucket: number): string {
    return hexWord(this.#words[bucket * 2]) + hexWord(this.#words[bucket * 2 + 1]);
  }

  #toggle(key: string, revision: number, bucket: number): void {
    const at = bucket * 2;
    const digest = hash('sha256', `${key}@${revision}`);
    this.#words[at] = (this.#words[at] ?? 0) ^ hexNumber(digest, 0, 8);
    this.#words[at + 1] = (this.#words[at + 1] ?? 0) ^ hexNumber(digest, 8, 16);
  }
}

/** The bucket of a key. Part of the wire format. */
export function digestBucket(key: string): number {
  return hexNumber(hash('sha256', key), 0, 2) % DIGEST_BUCKETS;
}

/** Hashes are taken as text: a Buffer for each costs twice as much as the hash itself. */
function hexNumber(digest: string, from: number, to: number): number {
  return Number.parseInt(digest.slice(from, to), 16);
}

function hexWord(word: number | undefined): string {
  return (word ?? 0).toString(16).padStart(8, '0');
}
