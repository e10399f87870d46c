import { CliError, EXIT } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { readPages } from '../pages.ts';
import { printValue } from '../print-value.ts';
import { Resource } from '../replies.ts';
import { findResourceKind, RESOURCE_KINDS, type ResourceKind } from '../resource-kinds.ts';
import { formatTable, printable } from '../table.ts';

/** Options of `headgate get`. */
export interface GetOptions {
  /** Kind as the user wrote it: `tenants`, `tenant`, … */
  readonly kind: string;
  readonly id: string | undefined;
  readonly tenantId: string | undefined;
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
      `Kinds: ${RESOURCE_KINDS.map(({ name }) => name).join(', ')}`,
    ]);
  }
  const path = resourcePath(kind, options.tenantId);
  if (options.id === undefined) {
    const items = await context.terminal.progress(
      `reading ${kind.name}`,
      readPages(context.api, Resource, path, PAGE_SIZE),
    );
    print(context, kind, items, items);
    return;
  }
  const resource = await context.api.send(Resource, {
    method: 'GET',
    path: `${path}/${encodeURIComponent(options.id)}`,
  });
  print(context, kind, [resource], resource);
}

function resourcePath(kind: ResourceKind, tenantId: string | undefined): string {
  if (!kind.ofTenant) return `/v1/${kind.name}`;
  if (tenantId === undefined) {
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
