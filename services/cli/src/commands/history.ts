import type { CommandContext } from '../context.ts';
import { HistoryEntry } from '../history-replies.ts';
import { readPages } from '../pages.ts';
import { printValue } from '../print-value.ts';
import { formatTable, printable } from '../table.ts';

/** Options of `headgate history`. */
export interface HistoryOptions {
  readonly tenantId: string;
  /** Most revisions to show. */
  readonly limit: number;
}

const PAGE_SIZE = 100;
const SIGNS: Readonly<Record<string, string>> = { create: '+', update: '~', delete: '-' };
const CHANGES_SHOWN_MAX = 3;

/**
 * Prints the revisions of a tenant, newest first.
 *
 * @throws CliError for what the server refuses.
 */
export async function history(context: CommandContext, options: HistoryOptions): Promise<void> {
  const { api, terminal } = context;
  const path = `/v1/tenants/${encodeURIComponent(options.tenantId)}/history`;
  const reading = readPages(api, HistoryEntry, path, PAGE_SIZE, options.limit);
  const entries = await terminal.progress('reading the history', reading);
  if (printValue(context, entries)) return;
  const rows = entries.map((entry) =>
    [
      String(entry.revision),
      entry.at,
      entry.actor,
      entry.source,
      entry.operation ?? '-',
      describe(entry),
    ].map(printable),
  );
  const header = ['REVISION', 'AT', 'ACTOR', 'SOURCE', 'OPERATION', 'CHANGES'];
  terminal.print(formatTable(header, rows, terminal.colors.bold));
}

function describe({ changes, changeCount, rolledBackTo }: HistoryEntry): string {
  const shown = changes.slice(0, CHANGES_SHOWN_MAX).map(({ action, kind, id, fields }) => {
    const what = `${SIGNS[action] ?? '?'} ${kind} ${id}`;
    return fields.length === 0 ? what : `${what} (${fields.join(', ')})`;
  });
  if (changeCount > shown.length) shown.push(`+${changeCount - shown.length}`);
  const text = shown.join(', ');
  return rolledBackTo === null ? text : `rollback to ${rolledBackTo}: ${text}`;
}
