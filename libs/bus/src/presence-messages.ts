import { z } from 'zod';

/** Kinds of members that announce themselves. */
export type PresenceKind = 'edge' | 'health-service' | 'config-service';

/** A heartbeat, or with `leaving` a goodbye. `info` is checked by the tracker's own schema. */
export const PresenceMessage = z.object({
  v: z.literal(1),
  id: z.string().min(1).max(128),
  leaving: z.boolean(),
  info: z.unknown(),
});
export type PresenceMessage = z.infer<typeof PresenceMessage>;

/** Most rejected documents that an edge names in its presence. */
export const REJECTED_MAX = 100;

/** What an edge tells about itself every second. */
export const EdgePresence = z.object({
  zone: z.string().max(64),
  /** Ring for rollouts; absent in releases that know none, which refuse documents of rollouts. */
  ring: z.string().max(63).optional(),
  /** Worker processes: each enforces a share of its own while the limit store is lost. */
  workers: z.int().min(1).max(1024).default(1),
  /** Highest revision it has heard of. */
  revision: z.int().min(0),
  /** Live documents it holds. */
  documents: z.int().min(0),
  /** It holds all documents of the newest digest. */
  synced: z.boolean(),
  /**
   * What it came with when it began to serve: documents up to this revision are not acknowledged one by one. All of them are
   * in force since `at` (ms since the epoch), but for those in `rejected`, and for rollouts, which are acknowledged as always.
   * Absent until then, in earlier releases, and where more than 100 are rejected.
   */
  loaded: z.object({ revision: z.int().min(0), at: z.int() }).optional(),
  /** Documents that it could not take; at most 100. */
  rejected: z
    .array(z.object({ key: z.string().max(100), revision: z.int(), reason: z.string().max(500) }))
    .max(REJECTED_MAX),
  /** ms since the epoch. */
  startedAt: z.int(),
  /** Release of the software. */
  version: z.string().max(64),
  /** `host:port` of its admin listener. */
  adminAddress: z.string().max(300),
});
export type EdgePresence = z.infer<typeof EdgePresence>;
