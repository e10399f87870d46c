import type { CommandContext } from '../context.ts';
import { AuditEntry } from '../history-replies.ts';
import { readPages } from '../pages.ts';
import { printValue } from '../print-value.ts';
import { formatTable, printable } from '../table.ts';

/** Options of `headgate audit`; what is not given does not restrict. */
export interface AuditOptions {
  readonly tenant?: string;
  readonly actor?: string;
  readonly action?: string;
  /** ISO 8601 dates and times. */
  readonly from?: string;
  readonly to?: string;
  /** Most changes to show. */
  readonly limit: number;
}

const PAGE_SIZE = 200;
const FIELDS_SHOWN_MAX = 4;

/**
 * Prints who changed what, when and from where; newest first.
 *
 * @throws CliError for what the server refuses.
 */
export async function audit(context: CommandContext, options: AuditOptions): Promise<void> {
  const { api, terminal } = context;
  const query = new URLSearchParams();
  for (const name of ['tenant', 'actor', 'action', 'from', 'to'] as const) {
    const value = options[name];
    if (value !== undefined) query.set(name, value);
  }
  const path = query.size === 0 ? '/v1/audit' : `/v1/audit?${query.toString()}`;
  const reading = readPages(api, AuditEntry, path, PAGE_SIZE, options.limit);
  const entries = await terminal.progress('reading the audit', reading);
  if (printValue(context, entries)) return;
  if (entries.length === 0) return terminal.note('There are no such changes.');
  const header = ['AT', 'ACTOR', 'SOURCE', 'ACTION', 'RESOURCE', 'REVISION', 'FIELDS'];
  const rows = entries.map((entry) => describe(entry).map(printable));
  terminal.print(formatTable(header, rows, terminal.colors.bold));
}

function describe(entry: AuditEntry): string[] {
  const owner = entry.tenantId === undefined ? '' : `${entry.tenantId}/`;
  const fields = entry.changes.slice(0, FIELDS_SHOWN_MAX).map(({ path }) => path);
  if (entry.changes.length > fields.length) fields.push(`+${entry.changes.length - fields.length}`);
  return [
    ...[entry.at, entry.actor, entry.source, entry.action],
    ...[`${entry.kind} ${owner}${entry.resourceId}`, String(entry.revision)],
    entry.action === 'update' ? fields.join(', ') : '-',
  ];
}
