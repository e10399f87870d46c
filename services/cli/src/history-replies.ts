import { z } from 'zod';
import { ApplyReply, FieldChange } from './replies.ts';

// What the config-service answers about the past. Unknown fields pass, as in replies.ts.

/** A revision of a tenant. */
export const HistoryEntry = z.looseObject({
  revision: z.number(),
  at: z.string(),
  actor: z.string(),
  source: z.string(),
  operation: z.string().nullable(),
  rolledBackTo: z.number().nullable(),
  deleted: z.boolean(),
  changes: z.array(
    z.object({
      action: z.string(),
      kind: z.string(),
      id: z.string(),
      fields: z.array(z.string()).default([]),
    }),
  ),
  changeCount: z.number(),
});
export type HistoryEntry = z.infer<typeof HistoryEntry>;

/** Reply to `GET …/history/{revision}`. */
export const RevisionReply = z.looseObject({
  revision: z.number(),
  tenant: z.looseObject({ planId: z.string() }).nullable(),
});

/** Reply to `GET …/diff`. */
export const DiffReply = z.object({
  tenantId: z.string(),
  from: z.number(),
  to: z.number(),
  changes: z.array(FieldChange),
});

/** Reply to `POST …/rollback`. */
export const RollbackReply = ApplyReply.extend({ rolledBackTo: z.number() });
export type RollbackReply = z.infer<typeof RollbackReply>;

/** A row of the audit. */
export const AuditEntry = z.looseObject({
  at: z.string(),
  actor: z.string(),
  source: z.string(),
  action: z.string(),
  kind: z.string(),
  tenantId: z.string().optional(),
  resourceId: z.string(),
  revision: z.number(),
  changes: z.array(FieldChange),
});
export type AuditEntry = z.infer<typeof AuditEntry>;

/** A page of `GET /v1/export`. */
export const ExportReply = z.object({
  tenants: z.record(z.string(), z.unknown()),
  nextCursor: z.string().nullish(),
});
