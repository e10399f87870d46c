import { writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { assertCanAsk, CliError, EXIT } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { assertConverged } from '../convergence.ts';
import { HistoryEntry } from '../history-replies.ts';
import { readPages } from '../pages.ts';
import { countChanges, formatPlan } from '../plan-format.ts';
import { printValue, tell } from '../print-value.ts';
import { ApplyReply } from '../replies.ts';
import { bundleText, exportTenant } from './export.ts';
import { writeStatus } from './set-status.ts';

/** Options of `headgate offboard`. */
export interface OffboardOptions {
  readonly tenantId: string;
  /** File that the tenant is exported to; it must not be there yet. */
  readonly file: string;
  /** Delete without asking. */
  readonly yes: boolean;
  /** Longest wait for the edges to refuse the tenant's requests, ms. */
  readonly waitMs: number;
}

/**
 * Exports a tenant to a file, shows what will be gone, asks, suspends the tenant, and deletes it once
 * all live edges refuse its requests.
 *
 * @throws CliError if anything of that fails. Nothing is deleted then; once suspended, the tenant
 * stays so.
 */
export async function offboard(context: CommandContext, options: OffboardOptions): Promise<void> {
  const { api, terminal } = context;
  const { tenantId, file, waitMs } = options;
  assertCanAsk(
    options.yes || terminal.interactive,
    'delete',
    'Add --yes to delete without asking.',
  );
  const path = `/v1/tenants/${encodeURIComponent(tenantId)}`;
  const { revision, bundle } = await exportTenant(context, tenantId);
  const gone = await api.send(ApplyReply, { method: 'DELETE', path: `${path}?dryRun=true` });
  await writeNewFile(file, bundleText(bundle, 'yaml'));
  tell(context, formatPlan(gone.changes, terminal.colors));
  tell(
    context,
    `\n${countChanges(gone.changes).delete} resources will be gone. They are in ${file} now.`,
  );
  if (!options.yes && !(await terminal.confirm(`Suspend and delete ${tenantId}?`))) {
    throw new CliError(EXIT.failure, 'nothing was deleted');
  }

  const suspended = await writeStatus(context, { tenantId, status: 'suspended', waitMs });
  tell(context, `Suspended as revision ${suspended.revision}.`);
  assertConverged(suspended, waitMs);
  await assertUnchanged(context, path, [revision, suspended.revision]);
  const headers = { 'if-match': `"${suspended.revision}"` };
  await api.send(z.unknown(), { method: 'DELETE', path, headers });
  printValue(context, { tenantId, deleted: true, revision, file });
  tell(
    context,
    `Tenant ${tenantId} is deleted. To bring it back:
  for 30 days:  headgate rollback ${tenantId} ${revision} --api-keys restore
  later:        headgate apply -f ${file}`,
  );
}

/** What somebody wrote after the export is not in the file, so it must not be deleted. */
async function assertUnchanged(
  { api }: CommandContext,
  path: string,
  revisions: readonly number[],
): Promise<void> {
  const newest = await readPages(api, HistoryEntry, `${path}/history`, 2, 2);
  const exported = Math.min(...revisions);
  const other = newest.find((one) => one.revision > exported && !revisions.includes(one.revision));
  if (other === undefined) return;
  throw new CliError(EXIT.failure, 'somebody changed the tenant after it was exported', [
    `Revision ${other.revision} by ${other.actor} is not in the file; the tenant is suspended, not deleted.`,
    'Run the command again with another --export.',
  ]);
}

/** API keys are in it by their hashes: for the owner's eyes only. */
async function writeNewFile(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, `${text}\n`, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const lines = ['Nothing was changed. Name a file that is not there yet with --export.'];
    throw new CliError(EXIT.failure, `cannot write the export: ${reason}`, lines, error);
  }
}
