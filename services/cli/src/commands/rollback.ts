import { assertCanAsk, CliError, EXIT } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { assertConverged, convergenceQuery, convergenceText } from '../convergence.ts';
import { HistoryEntry, RollbackReply } from '../history-replies.ts';
import { readPages } from '../pages.ts';
import { countChanges, formatCounts, formatPlan } from '../plan-format.ts';

/** What becomes of API keys: they stay, or become those of the revision. */
export type ApiKeyMode = 'keep' | 'restore';

/** Options of `headgate rollback`. */
export interface RollbackOptions {
  readonly tenantId: string;
  readonly revision: number;
  /** Roll back without asking. */
  readonly yes: boolean;
  /** Only print what would change. */
  readonly dryRun: boolean;
  readonly apiKeys: ApiKeyMode;
  /** Wait until all live edges have the change, at most so many ms; null: do not wait. */
  readonly waitMs: number | null;
}

const TIMEOUT_MS = 30_000;

/**
 * Prints what a rollback would change, asks, and makes it.
 *
 * @throws CliError if anything of that fails, the tenant was changed since it was shown, or the edges
 * do not get the change in time.
 */
export async function rollback(context: CommandContext, options: RollbackOptions): Promise<void> {
  const { terminal, output } = context;
  const { tenantId, revision, waitMs } = options;
  const newest = await newestRevision(context, tenantId);
  const planned = await send(context, options, '?dryRun=true', newest);
  const counts = countChanges(planned.changes);
  const isEmpty = planned.changes.length === 0;
  const tell = output === 'json' ? terminal.note : terminal.print;
  if (isEmpty) tell(`Nothing to change: ${tenantId} is as it was at revision ${revision}.`);
  else
    tell(
      `${formatPlan(planned.changes, terminal.colors, { values: true })}\n\nRollback: ${formatCounts(counts)}.`,
    );
  if (isEmpty || options.dryRun) {
    if (output === 'json') terminal.print(JSON.stringify(planned, null, 2));
    return;
  }
  if (!options.yes && !(await confirm(context, options))) {
    throw new CliError(EXIT.failure, 'nothing was rolled back');
  }
  const query = convergenceQuery(waitMs);
  const done = await terminal.progress('rolling back', send(context, options, query, newest));
  if (output === 'json') terminal.print(JSON.stringify(done, null, 2));
  tell(
    `Rolled ${tenantId} back to ${revision}, as revision ${done.revision}.${convergenceText(done)}`,
  );
  assertConverged(done, waitMs);
}

/** What the user is shown is what is rolled back: somebody else's change in between refuses it. */
async function newestRevision({ api }: CommandContext, tenantId: string): Promise<HistoryEntry> {
  const path = `/v1/tenants/${encodeURIComponent(tenantId)}/history`;
  const [entry] = await readPages(api, HistoryEntry, path, 1, 1);
  if (entry !== undefined) return entry;
  throw new CliError(EXIT.refused, `there is no history of ${tenantId}`);
}

function send(
  { api }: CommandContext,
  { tenantId, revision, apiKeys, waitMs }: RollbackOptions,
  query: string,
  newest: HistoryEntry,
): Promise<RollbackReply> {
  return api.send(RollbackReply, {
    method: 'POST',
    path: `/v1/tenants/${encodeURIComponent(tenantId)}/rollback${query}`,
    body: { revision, apiKeys },
    // A deleted tenant has no entity tag: it must still be gone.
    headers: newest.deleted ? { 'if-none-match': '*' } : { 'if-match': `"${newest.revision}"` },
    timeoutMs: TIMEOUT_MS + (waitMs ?? 0),
  });
}

async function confirm({ terminal }: CommandContext, options: RollbackOptions): Promise<boolean> {
  const advice = 'Add --yes to roll back without asking, or --dry-run to see the changes only.';
  assertCanAsk(terminal.interactive, 'roll back', advice);
  return terminal.confirm(`Roll ${options.tenantId} back to revision ${options.revision}?`);
}
