import { z } from 'zod';
import { DIGEST_BUCKETS } from './config-digest.ts';

// Messages between feeds and the config-service beside the KV bucket. All are JSON except the reply
// to `get`, whose documents follow its first line as they are.

/** Most entries in one reply to `list`; with keys of at most 70 bytes that is below 500 KB. */
export const LIST_ENTRIES_MAX = 5000;
/** Most keys in one `get`. */
export const GET_KEYS_MAX = 64;
/** Most acknowledgements in one message. */
export const ACKS_MAX = 500;

const Key = z.string().regex(/^[a-z]{1,16}\.[a-z0-9-]{1,63}$/);
const Epoch = z.string().min(1).max(64);
const RevisionNumber = z.int().min(0);

/** Asks for the live keys of one digest bucket that sort after `after`. */
export const ListRequest = z.object({
  v: z.literal(1),
  bucket: z
    .int()
    .min(0)
    .max(DIGEST_BUCKETS - 1),
  after: Key.nullable(),
});
export type ListRequest = z.infer<typeof ListRequest>;

/** One page of live keys with their revisions, sorted by key. */
export const ListReply = z.object({
  v: z.literal(1),
  epoch: Epoch,
  /** Highest revision of the database when the list was made. */
  revision: RevisionNumber,
  entries: z.array(z.tuple([Key, RevisionNumber])).max(LIST_ENTRIES_MAX),
  /** Value of `after` for the next page; null on the last. */
  next: Key.nullable(),
});
export type ListReply = z.infer<typeof ListReply>;

/** Asks for documents, deletions included, by key. */
export const GetRequest = z.object({
  v: z.literal(1),
  keys: z.array(Key).min(1).max(GET_KEYS_MAX),
});
export type GetRequest = z.infer<typeof GetRequest>;

/** First line of a reply to `get`. */
export const GetReplyHead = z.object({
  v: z.literal(1),
  /** Key and size in bytes of each document that follows, in this order. */
  documents: z.array(z.tuple([Key, z.int().min(1)])).max(GET_KEYS_MAX),
  /** Keys that did not fit; ask again for them. */
  remaining: z.array(Key).max(GET_KEYS_MAX),
});
export type GetReplyHead = z.infer<typeof GetReplyHead>;

/** What an edge did with a document. */
export const ConfigAck = z.object({
  key: Key,
  revision: RevisionNumber,
  outcome: z.enum(['applied', 'rejected']),
  /** Why it was rejected. */
  reason: z.string().max(500).optional(),
  /** When, ms since the epoch. */
  at: z.int(),
});
export type ConfigAck = z.infer<typeof ConfigAck>;

/** A batch of acknowledgements of one edge. */
export const ConfigAckBatch = z.object({
  v: z.literal(1),
  edgeId: z.string().min(1).max(128),
  acks: z.array(ConfigAck).min(1).max(ACKS_MAX),
});
export type ConfigAckBatch = z.infer<typeof ConfigAckBatch>;
