import { z } from 'zod';
import { changedPaths } from '../apply/changed-paths.ts';
import { fieldChanges } from '../apply/field-changes.ts';
import type { Change } from '../store/change.ts';
import { RESOURCE_KINDS } from '../store/kinds.ts';

/** One field that differs, in replies. */
export const FieldChangeReply = z.object({
  path: z.string(),
  before: z.unknown().optional().describe('Absent if the field was not there.'),
  after: z.unknown().optional().describe('Absent if the field is not there any more.'),
});

/** What happens to one resource, in replies. */
export const ChangeReply = z.object({
  action: z.enum(['create', 'update', 'delete', 'unchanged']),
  kind: z.enum(RESOURCE_KINDS),
  tenantId: z.string().optional(),
  id: z.string(),
  fields: z.array(z.string()).describe('Paths that an update changes.'),
  diff: z
    .array(FieldChangeReply)
    .optional()
    .describe('Of an update in a dry run: each field, before and after. Secrets are hidden.'),
});

/** Reply to a write of several resources, and to every dry run. */
export const ChangesReply = z.object({
  dryRun: z.boolean(),
  revision: z.int().describe('Highest revision of the change; the newest one if nothing changed.'),
  changes: z.array(ChangeReply),
  converged: z.boolean().optional(),
});

/** A change as it is answered. */
export function presentChange(change: Change, dryRun: boolean): z.output<typeof ChangeReply> {
  const { action, kind, tenantId, id, before, after } = change;
  const isUpdate = action === 'update';
  return {
    ...{ action, kind, ...(tenantId === null ? {} : { tenantId }), id },
    fields: isUpdate ? changedPaths(before?.spec, after) : [],
    ...(isUpdate && dryRun ? { diff: fieldChanges(before?.spec, after) } : {}),
  };
}
