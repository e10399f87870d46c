import type { Bundle } from '@headgate/model';
import { readBundleSource, type BundleSource } from '../bundle-source.ts';
import { CliError, EXIT } from '../cli-error.ts';
import { compareBundle } from '../compare-bundle.ts';
import type { CommandContext } from '../context.ts';
import { checkBundle } from '../faults.ts';
import { bundleOfKong, type KongOptions } from '../kong/read-kong.ts';
import {
  isConflict,
  mergeBundle,
  tenantsToMerge,
  type ConflictMode,
  type StoredTenant,
} from '../merge-bundle.ts';
import { formatPlan } from '../plan-format.ts';
import { printValue, tell } from '../print-value.ts';
import type { ApplyReply, Change } from '../replies.ts';
import { applySource } from './apply.ts';
import { bundleText, readTenant } from './export.ts';

/** Options of `headgate import`. */
export interface ImportOptions {
  readonly file: string;
  /** The file is one of Kong, and becomes this; null: it is a bundle. */
  readonly kong: KongOptions | null;
  /** Only print the bundle; no server is asked. */
  readonly print: boolean;
  readonly onConflict: ConflictMode;
  /** Import without asking. */
  readonly yes: boolean;
  /** Only print the plan. */
  readonly dryRun: boolean;
  /** Wait until all live edges have the change, at most so many ms; null: do not wait. */
  readonly waitMs: number | null;
}

/**
 * Creates what a bundle holds and the cluster lacks; deletes nothing. What is there and differs is a conflict.
 *
 * @throws CliError for conflicts that nobody has decided on, and whatever `headgate apply` refuses.
 */
export async function importBundle(context: CommandContext, options: ImportOptions): Promise<void> {
  const isFromInput = options.file === '-';
  const source = await readBundleSource(options.file, context.io.stdin);
  const { kong } = options;
  const wanted = kong === null ? source : bundleOfKong(source, kong, context.terminal);
  const bundle = checkBundle(wanted);
  if (options.print) {
    const { plans, upstreams, tenants } = bundle;
    const shared = Object.keys(upstreams).length === 0 ? {} : { upstreams };
    return context.terminal.print(bundleText({ plans, ...shared, tenants }, context.output));
  }
  await importSource(context, wanted, bundle, { ...options, isFromInput });
}

async function importSource(
  context: CommandContext,
  source: BundleSource,
  bundle: Bundle,
  options: ImportOptions & { readonly isFromInput: boolean },
): Promise<void> {
  const { changes } = await compareBundle(context, source);
  const conflicts = changes.filter(isConflict);
  const mode = options.onConflict;
  if (conflicts.length > 0 && mode === 'fail') throw refuseConflicts(context, changes);
  if (conflicts.length > 0 && mode === 'skip') tell(context, describeConflicts(context, conflicts));
  const isThere = changes.every(({ action }) => action !== 'create');
  if (isThere && (mode === 'skip' || conflicts.length === 0)) {
    tell(context, `Nothing to import: all that ${source.name} holds is there.`);
    printValue(context, { dryRun: options.dryRun, changes: [], conflicts });
    return;
  }
  const current = await readTenants(context, tenantsToMerge(changes));
  const merged = { ...source, value: mergeBundle(bundle, changes, current, mode) };
  await applySource(context, merged, {
    ...options,
    toDo: 'import',
    accept: (plan) => refuseOthers(plan, changes, mode),
  });
}

function refuseConflicts(context: CommandContext, changes: readonly Change[]): CliError {
  const conflicts = changes.filter(isConflict);
  const missing = changes.filter(({ action }) => action === 'create');
  if (!printValue(context, { conflicts, missing })) {
    context.terminal.print(
      `${describeConflicts(context, conflicts)}\n${missing.length} more would be new.`,
    );
  }
  return new CliError(EXIT.refused, `${conflicts.length} there already differ from the file`, [
    'Nothing was imported. To leave them as they are: --on-conflict skip',
    'To overwrite them with what the file says: --on-conflict replace',
  ]);
}

function describeConflicts({ terminal }: CommandContext, conflicts: readonly Change[]): string {
  const plan = formatPlan(conflicts, terminal.colors, { values: true });
  return `There already, and different (as it is → as the file says):\n${plan}`;
}

async function readTenants(
  context: CommandContext,
  ids: readonly string[],
): Promise<ReadonlyMap<string, StoredTenant>> {
  const tenants = new Map<string, StoredTenant>();
  const reading = async () => {
    for (const id of ids) tenants.set(id, (await readTenant(context, id)).tenant);
  };
  const label = () => `reading what is there: ${tenants.size} of ${ids.length} tenants`;
  await context.terminal.progress(label, reading());
  return tenants;
}

/**
 * What was there and is not in the file is in the merged bundle as it was read. If somebody changed it since, the plan
 * would undo that: an API key that was revoked would be valid again. So only what the file itself brings may happen.
 */
function refuseOthers(plan: ApplyReply, compared: readonly Change[], mode: ConflictMode): void {
  const nameOf = ({ action, kind, tenantId, id }: Change) =>
    JSON.stringify([action, kind, tenantId, id]);
  const isBrought = (change: Change) =>
    change.action === 'create' || (isConflict(change) && mode === 'replace');
  const brought = new Set(compared.filter(isBrought).map(nameOf));
  const other = plan.changes.find(
    (change) => change.action !== 'unchanged' && !brought.has(nameOf(change)),
  );
  if (other === undefined) return;
  const what = `${other.tenantId === undefined ? '' : `${other.tenantId}/`}${other.id}`;
  throw new CliError(EXIT.refused, `somebody changed ${other.kind} ${what} meanwhile`, [
    'Nothing was imported. Run the command again.',
  ]);
}
