import { readBundleSource, type BundleSource } from '../bundle-source.ts';
import { CliError, EXIT } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { assertConverged, convergenceText } from '../convergence.ts';
import { checkBundle } from '../faults.ts';
import { countChanges, formatCounts, formatPlan } from '../plan-format.ts';
import { ApplyReply } from '../replies.ts';

/** Options of `headgate apply`. */
export interface ApplyOptions {
  readonly file: string;
  /** Apply without asking. */
  readonly yes: boolean;
  /** Only print the plan. */
  readonly dryRun: boolean;
  /** Wait until all live edges have the change, at most so many ms; null: do not wait. */
  readonly waitMs: number | null;
}

/** Large bundles (10,000 tenants) take their time. */
const APPLY_TIMEOUT_MS = 300_000;

/**
 * Checks a bundle, prints what would change, asks, and applies it.
 *
 * @throws CliError if anything of that fails, or the edges do not get the change in time.
 */
export async function apply(context: CommandContext, options: ApplyOptions): Promise<void> {
  const source = await readBundleSource(options.file, context.io.stdin);
  checkBundle(source);
  await applySource(context, source, { ...options, isFromInput: options.file === '-' });
}

/** Options of {@link applySource}. */
export interface ApplySourceOptions extends Omit<ApplyOptions, 'file'> {
  /** Standard input is used up: no question can be asked. */
  readonly isFromInput: boolean;
  /** Looks at the plan, when it was shown and before anything is written; throws to refuse it. */
  readonly accept?: (plan: ApplyReply) => void;
}

/** As {@link apply}, of a bundle that was read and checked. */
export async function applySource(
  context: CommandContext,
  source: BundleSource,
  options: ApplySourceOptions,
): Promise<void> {
  const { terminal, io, output } = context;
  const plan = await send(context, source, 'comparing', '?dryRun=true', 0);
  const counts = countChanges(plan.changes);
  const isEmpty = counts.create + counts.update + counts.delete === 0;
  // With -o json standard output holds one document: that of the last step.
  const tell = output === 'json' ? terminal.note : terminal.print;
  if (isEmpty) tell(`Nothing to change: ${counts.unchanged} resources are as ${source.name} says.`);
  else tell(`${formatPlan(plan.changes, terminal.colors)}\n\nPlan: ${formatCounts(counts)}.`);

  options.accept?.(plan);
  if (isEmpty || options.dryRun) {
    if (output === 'json') terminal.print(JSON.stringify(plan, null, 2));
    return;
  }
  if (!options.yes && !(await confirm(context, options.isFromInput))) {
    throw new CliError(EXIT.failure, 'nothing was applied');
  }
  const startedMs = io.clock.monotonicMs();
  const query =
    options.waitMs === null ? '' : `?wait=converged&timeout=${Math.round(options.waitMs)}`;
  const label = options.waitMs === null ? 'applying' : 'applying and waiting for the edges';
  const applied = await send(context, source, label, query, options.waitMs ?? 0);
  const seconds = ((io.clock.monotonicMs() - startedMs) / 1000).toFixed(1);
  if (output === 'json') terminal.print(JSON.stringify(applied, null, 2));
  tell(`Applied as revision ${applied.revision} in ${seconds} s.${convergenceText(applied)}`);
  assertConverged(applied, options.waitMs);
}

function send(
  { terminal, api }: CommandContext,
  source: BundleSource,
  label: string,
  query: string,
  waitMs: number,
): Promise<ApplyReply> {
  const request = {
    method: 'POST',
    path: `/v1/apply${query}`,
    body: source.value,
    timeoutMs: APPLY_TIMEOUT_MS + waitMs,
    source,
  } as const;
  return terminal.progress(label, api.send(ApplyReply, request));
}

async function confirm({ terminal }: CommandContext, isFromInput: boolean): Promise<boolean> {
  if (!terminal.interactive || isFromInput) {
    throw new CliError(EXIT.usage, 'cannot ask whether to apply: there is no terminal', [
      'Add --yes to apply without asking, or --dry-run to see the plan only.',
    ]);
  }
  return terminal.confirm('Apply?');
}
