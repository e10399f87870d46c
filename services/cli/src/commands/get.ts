import { CliError, EXIT } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { readPages } from '../pages.ts';
import { printValue } from '../print-value.ts';
import { Resource } from '../replies.ts';
import { findResourceKind, KIND_NAMES, type ResourceKind } from '../resource-kinds.ts';
import { formatTable, printable } from '../table.ts';

/** Options of `headgate get`. */
export interface GetOptions {
  /** Kind as the user wrote it: `tenants`, `tenant`, … */
  readonly kind: string;
  readonly id: string | undefined;
  readonly tenantId: string | undefined;
  /** What the list is narrowed to, by the query parameters of the API. */
  readonly filter: Readonly<Record<string, string | readonly string[] | undefined>>;
}

const PAGE_SIZE = 500;

/**
 * Prints one resource or all of a kind.
 *
 * @throws CliError for an unknown kind, a missing tenant, or what the server refuses.
 */
export async function get(context: CommandContext, options: GetOptions): Promise<void> {
  const kind = findResourceKind(options.kind);
  if (kind === null) {
    throw new CliError(EXIT.usage, `unknown kind "${options.kind}"`, [
      `Kinds: ${KIND_NAMES.join(', ')}`,
    ]);
  }
  const path = resourcePath(kind, options.tenantId);
  const query = filterQuery(kind, options.filter);
  if (options.id === undefined) {
    const filtered = query.size === 0 ? path : `${path}?${query.toString()}`;
    const items = await context.terminal.progress(
      `reading ${kind.name}`,
      readPages(context.api, Resource, filtered, PAGE_SIZE),
    );
    print(context, kind, items, items);
    return;
  }
  if (query.size > 0) {
    throw new CliError(EXIT.usage, 'one resource is named: there is nothing to filter', [
      `For all that fit: headgate get ${kind.name}`,
    ]);
  }
  const resource = await context.api.send(Resource, {
    method: 'GET',
    path: `${path}/${encodeURIComponent(options.id)}`,
  });
  print(context, kind, [resource], resource);
}

/** The query that narrows a list; empty for all. */
function filterQuery(kind: ResourceKind, filter: GetOptions['filter']): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) {
    const values = [value ?? []].flat();
    if (values.length > 0 && !kind.filters.includes(name)) {
      throw new CliError(EXIT.usage, `${kind.name} cannot be filtered by ${name}`, [
        kind.filters.length === 0
          ? 'They have no filters.'
          : `Possible: ${kind.filters.join(', ')}`,
      ]);
    }
    for (const text of values) query.append(name, text);
  }
  return query;
}

function resourcePath(kind: ResourceKind, tenantId: string | undefined): string {
  if (kind.place === 'platform') return `/v1/${kind.name}`;
  if (tenantId === undefined) {
    if (kind.place === 'either') return `/v1/${kind.name}`;
    throw new CliError(EXIT.usage, `${kind.name} belong to a tenant; which one?`, [
      `Example: headgate get ${kind.name} --tenant acme`,
    ]);
  }
  return `/v1/tenants/${encodeURIComponent(tenantId)}/${kind.name}`;
}

function print(
  context: CommandContext,
  kind: ResourceKind,
  rows: readonly Resource[],
  value: unknown,
): void {
  if (printValue(context, value)) return;
  const { terminal } = context;
  if (rows.length === 0) return terminal.note(`There are no ${kind.name}.`);
  const header = kind.columns.map((column) => column.title);
  const cells = rows.map((row) => kind.columns.map((column) => printable(column.cell(row))));
  terminal.print(formatTable(header, cells, terminal.colors.bold));
}
