import { stringify } from 'yaml';
import { CliError, EXIT } from '../cli-error.ts';
import type { CommandContext, OutputFormat } from '../context.ts';
import { ExportReply, HistoryEntry, RevisionReply } from '../history-replies.ts';
import { readPages } from '../pages.ts';
import { Resource, specOf } from '../replies.ts';

/** Options of `headgate export`: one tenant, or everything. */
export interface ExportOptions {
  readonly tenantId: string | undefined;
  readonly all: boolean;
}

const PLANS_PAGE_SIZE = 500;
const TENANTS_PAGE_SIZE = 50;
/** 200,000 tenants; a server that never ends its list must not keep us for ever. */
const PAGES_MAX = 4000;

/**
 * Prints a tenant, or every plan and tenant, as a bundle.
 *
 * @throws CliError if it is neither of the two, and for what the server refuses.
 */
export async function exportBundle(context: CommandContext, options: ExportOptions): Promise<void> {
  const { terminal, output } = context;
  const { tenantId, all } = options;
  if (all === (tenantId !== undefined)) {
    throw new CliError(EXIT.usage, 'what is to be exported?', [
      'One tenant: headgate export TENANT',
      'Everything: headgate export --all',
    ]);
  }
  let read = 0;
  const content: Promise<object> =
    tenantId === undefined
      ? exportAll(context, (count) => (read = count))
      : exportTenant(context, tenantId).then(({ bundle }) => bundle);
  const label = () => (read === 0 ? 'exporting' : `exporting: ${read} tenants`);
  terminal.print(bundleText(await terminal.progress(label, content), output));
}

/** The text of a bundle: JSON, or YAML for every other format. */
export function bundleText(content: object, output: OutputFormat): string {
  const bundle = { apiVersion: 'headgate/v1', ...content };
  if (output === 'json') return JSON.stringify(bundle, null, 2);
  return stringify(bundle, { aliasDuplicateObjects: false }).trimEnd();
}

/**
 * Reads the newest revision of a tenant, with all that belongs to it.
 *
 * @throws CliError if it was deleted, and for what the server refuses.
 */
export async function exportTenant(
  { api }: Pick<CommandContext, 'api'>,
  tenantId: string,
): Promise<{ readonly revision: number; readonly bundle: object }> {
  const path = `/v1/tenants/${encodeURIComponent(tenantId)}/history`;
  const [newest] = await readPages(api, HistoryEntry, path, 1, 1);
  const revision = newest?.revision ?? 0;
  const { tenant } = await api.send(RevisionReply, { method: 'GET', path: `${path}/${revision}` });
  if (tenant !== null) return { revision, bundle: { tenants: { [tenantId]: tenant } } };
  throw new CliError(EXIT.refused, `tenant ${tenantId} was deleted by revision ${revision}`, [
    'To bring it back: headgate history, then headgate rollback',
  ]);
}

/** Plans come last: a tenant that is read never lacks the plan that it was on by then. */
async function exportAll({ api }: CommandContext, onRead: (count: number) => void) {
  const tenants = new Map<string, unknown>();
  let cursor: string | null | undefined;
  for (let page = 0; page === 0 || cursor; page++) {
    if (page === PAGES_MAX) throw new CliError(EXIT.failure, 'the list of tenants does not end');
    const query = new URLSearchParams({ limit: String(TENANTS_PAGE_SIZE) });
    if (cursor) query.set('cursor', cursor);
    const reply = await api.send(ExportReply, {
      method: 'GET',
      path: `/v1/export?${query.toString()}`,
    });
    for (const [id, tenant] of Object.entries(reply.tenants)) tenants.set(id, tenant);
    onRead(tenants.size);
    cursor = reply.nextCursor;
  }
  const plans = await readPages(api, Resource, '/v1/plans', PLANS_PAGE_SIZE);
  return {
    plans: Object.fromEntries(plans.map((plan) => [plan.id, specOf(plan)])),
    tenants: Object.fromEntries(tenants),
  };
}
