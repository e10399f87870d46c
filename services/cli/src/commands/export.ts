import { TenantId } from '@headgate/model';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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
  /** Folder that files are written to, one for each tenant; undefined: all is printed. */
  readonly dir: string | undefined;
}

const SHARED_PAGE_SIZE = 500;
const TENANTS_PAGE_SIZE = 50;
/** 200,000 tenants; a server that never ends its list must not keep us for ever. */
const PAGES_MAX = 4000;

/**
 * Prints a tenant, or every plan, shared upstream and tenant, as a bundle; or writes them to a folder.
 *
 * @throws CliError if it is neither of the two, if the folder holds something, and for what the server refuses.
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
  if (options.dir !== undefined) await makeEmptyFolder(options.dir);
  let read = 0;
  const content: Promise<BundleContent> =
    tenantId === undefined
      ? exportAll(context, (count) => (read = count))
      : exportTenant(context, tenantId).then(({ bundle }) => bundle);
  const label = () => (read === 0 ? 'exporting' : `exporting: ${read} tenants`);
  const bundle = await terminal.progress(label, content);
  if (options.dir === undefined) return terminal.print(bundleText(bundle, output));
  const count = await writeBundleFolder(options.dir, bundle);
  terminal.print(`${count} files are in ${options.dir} now.`);
}

/** What an export holds. */
interface BundleContent {
  readonly plans?: object;
  readonly upstreams?: object;
  readonly tenants: object;
}

/** API keys are in it by their hashes: folder and files are for the owner's eyes only. */
async function makeEmptyFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if ((await readdir(folder)).length === 0) return;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError(EXIT.failure, `cannot write to ${folder}: ${reason}`, [], error);
  }
  throw new CliError(EXIT.failure, `${folder} is not empty`, [
    'Nothing was written. Name a new folder, and compare the two (diff -r), with --dir.',
  ]);
}

/** The number of files: one for all plans, one for all shared upstreams, one for each tenant. */
async function writeBundleFolder(folder: string, content: BundleContent): Promise<number> {
  const { plans = {}, upstreams = {}, tenants } = content;
  const files = new Map<string, object>();
  if (Object.keys(plans).length > 0) files.set('plans.yaml', { plans });
  if (Object.keys(upstreams).length > 0) files.set('upstreams.yaml', { upstreams });
  for (const [id, tenant] of Object.entries(tenants)) {
    // Files are named by it: another server than ours must not choose where they are.
    if (!TenantId.safeParse(id).success) {
      const what = `the server names a tenant ${JSON.stringify(id)}, which is no id`;
      throw new CliError(EXIT.failure, what, ['Nothing was written. Is --url that of Headgate?']);
    }
    files.set(`tenant.${id}.yaml`, { tenants: { [id]: tenant as unknown } });
  }
  for (const [name, part] of files) {
    const text = `${bundleText(part, 'yaml')}\n`;
    await writeFile(join(folder, name), text, { flag: 'wx', mode: 0o600 });
  }
  return files.size;
}

/** The text of a bundle: JSON, or YAML for every other format. */
export function bundleText(content: object, output: OutputFormat): string {
  const bundle = { apiVersion: 'headgate/v1', ...content };
  if (output === 'json') return JSON.stringify(bundle, null, 2);
  return stringify(bundle, { aliasDuplicateObjects: false }).trimEnd();
}

/** The newest revision of a tenant as a bundle. @throws CliError if it was deleted, and for what the server refuses. */
export async function exportTenant(
  context: Pick<CommandContext, 'api'>,
  tenantId: string,
): Promise<{ readonly revision: number; readonly bundle: BundleContent }> {
  const { revision, tenant } = await readTenant(context, tenantId);
  return { revision, bundle: { tenants: { [tenantId]: tenant } } };
}

/**
 * Reads the newest revision of a tenant, with all that belongs to it.
 *
 * @throws CliError if it was deleted, and for what the server refuses.
 */
export async function readTenant(
  { api }: Pick<CommandContext, 'api'>,
  tenantId: string,
): Promise<{ readonly revision: number; readonly tenant: Readonly<Record<string, unknown>> }> {
  const path = `/v1/tenants/${encodeURIComponent(tenantId)}/history`;
  const [newest] = await readPages(api, HistoryEntry, path, 1, 1);
  const revision = newest?.revision ?? 0;
  const { tenant } = await api.send(RevisionReply, { method: 'GET', path: `${path}/${revision}` });
  if (tenant !== null) return { revision, tenant };
  throw new CliError(EXIT.refused, `tenant ${tenantId} was deleted by revision ${revision}`, [
    'To bring it back: headgate history, then headgate rollback',
  ]);
}

/** Plans and shared upstreams come last: a tenant that is read never lacks those that it referred to by then. */
async function exportAll(
  { api }: CommandContext,
  onRead: (count: number) => void,
): Promise<BundleContent> {
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
  const plans = await readShared(api, '/v1/plans');
  const upstreams = await readShared(api, '/v1/upstreams');
  return {
    plans,
    ...(Object.keys(upstreams).length === 0 ? {} : { upstreams }),
    tenants: Object.fromEntries(tenants),
  };
}

async function readShared(api: CommandContext['api'], path: string): Promise<object> {
  const all = await readPages(api, Resource, path, SHARED_PAGE_SIZE);
  return Object.fromEntries(all.map((one) => [one.id, specOf(one)]));
}
