import { readBundleSource } from '../bundle-source.ts';
import { CliError, EXIT } from '../cli-error.ts';
import { compareBundle } from '../compare-bundle.ts';
import type { CommandContext } from '../context.ts';
import { formatFieldChanges } from '../diff-format.ts';
import { DiffReply } from '../history-replies.ts';
import { countChanges, formatCounts, formatPlan } from '../plan-format.ts';
import { printValue } from '../print-value.ts';

/** Options of `headgate diff`: a tenant with one or two revisions, or a bundle. */
export interface DiffOptions {
  readonly tenantId: string | undefined;
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly file: string | undefined;
}

/**
 * Prints what differs between two revisions of a tenant, or between the cluster and a bundle.
 *
 * @throws CliError if it is neither of the two, and for what the server refuses.
 */
export async function diff(context: CommandContext, options: DiffOptions): Promise<void> {
  const { tenantId, from, to, file } = options;
  if (file !== undefined && tenantId === undefined) return diffBundle(context, file);
  if (file !== undefined || tenantId === undefined || from === undefined) {
    throw new CliError(EXIT.usage, 'what is to be compared?', [
      'Revisions of a tenant: headgate diff TENANT FROM [TO]',
      'A bundle with the cluster: headgate diff -f FILE',
    ]);
  }
  const { api, terminal } = context;
  const query = to === undefined ? `from=${from}` : `from=${from}&to=${to}`;
  const path = `/v1/tenants/${encodeURIComponent(tenantId)}/diff?${query}`;
  const reply = await api.send(DiffReply, { method: 'GET', path });
  if (printValue(context, reply)) return;
  const what = `revisions ${reply.from} and ${reply.to} of ${tenantId}`;
  if (reply.changes.length === 0) return terminal.note(`No difference between ${what}.`);
  terminal.print(formatFieldChanges(reply.changes, terminal.colors));
}

async function diffBundle(context: CommandContext, file: string): Promise<void> {
  const { terminal, io } = context;
  const source = await readBundleSource(file, io.stdin);
  const reply = await compareBundle(context, source);
  if (printValue(context, reply)) return;
  const plan = formatPlan(reply.changes, terminal.colors, { values: true });
  if (plan === '') return terminal.note(`The cluster is as ${source.name} says.`);
  terminal.print(`${plan}\n\n${formatCounts(countChanges(reply.changes))}.`);
}
