import { TenantId } from '@headgate/model';
import { readBundleSource } from '../bundle-source.ts';
import { CliError, EXIT } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { checkBundle } from '../faults.ts';
import type { ApplyReply } from '../replies.ts';
import { renderTemplate } from '../template.ts';
import { applySource } from './apply.ts';
import { bundleText } from './export.ts';

/** Options of `headgate onboard`. */
export interface OnboardOptions {
  readonly tenantId: string;
  /** Template file. */
  readonly template: string;
  /** `NAME=VALUE` each. */
  readonly set: readonly string[];
  /** Only print the bundle; no server is asked. */
  readonly print: boolean;
  /** Bring a tenant that is there already to what the template says. */
  readonly update: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  /** Wait until all live edges have the change, at most so many ms; null: do not wait. */
  readonly waitMs: number | null;
}

/**
 * Makes a tenant out of a template and applies it. The same again changes nothing; a tenant that is there and differs is
 * left alone unless that is asked for.
 *
 * @throws CliError for faults of template and values, a tenant that differs, and whatever `headgate apply` refuses.
 */
export async function onboard(context: CommandContext, options: OnboardOptions): Promise<void> {
  const { tenantId, template, update } = options;
  if (!TenantId.safeParse(tenantId).success) {
    throw new CliError(EXIT.usage, `"${tenantId}" cannot be the id of a tenant`, [
      '1 to 63 of a-z, 0-9 and -, not starting or ending with -',
    ]);
  }
  const source = await readBundleSource(template, context.io.stdin, 'template');
  const bundle = renderTemplate(source, tenantId, readSettings(options.set));
  const { tenants } = checkBundle(bundle);
  if (options.print) return context.terminal.print(bundleText({ tenants }, context.output));
  await applySource(context, bundle, {
    ...options,
    isFromInput: template === '-',
    ...(update ? {} : { accept: (plan) => refuseOverwriting(tenantId, plan) }),
  });
}

/** @throws CliError for what is not NAME=VALUE, or is set twice. */
function readSettings(settings: readonly string[]): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const setting of settings) {
    const end = setting.indexOf('=');
    const name = setting.slice(0, Math.max(end, 0));
    if (name === '') {
      throw new CliError(EXIT.usage, `--set ${setting}: must be NAME=VALUE`);
    }
    if (values.has(name)) throw new CliError(EXIT.usage, `--set ${name} is given twice`);
    values.set(name, setting.slice(end + 1));
  }
  return values;
}

/** @throws CliError if the tenant is there and would change. */
function refuseOverwriting(tenantId: string, { changes }: ApplyReply): void {
  const isNew = changes.some(({ kind, action }) => kind === 'tenant' && action === 'create');
  if (isNew || changes.every(({ action }) => action === 'unchanged')) return;
  throw new CliError(EXIT.refused, `tenant ${tenantId} is there, and differs from the template`, [
    'Nothing was written. To bring it to what the template says: --update',
  ]);
}
