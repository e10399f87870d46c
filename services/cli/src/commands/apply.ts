import { readBundleSource, type BundleSource } from '../bundle-source.ts';
import { assertCanAsk, CliError, EXIT } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { assertConverged, convergenceQuery, convergenceText } from '../convergence.ts';
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
  /** The bundle is how the configuration is to be from now on; drift from it is watched. */
  readonly declare: boolean;
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
export interface ApplySourceOptions extends Omit<ApplyOptions, 'file' | 'declare'> {
  readonly declare?: boolean;
  /** What is asked; `apply` if it is not given. */
  readonly toDo?: 'apply' | 'import';
  /** Standard input is used up: no question can be asked. */
  readonly isFromInput: boolean;
  /** Looks at the plan, when it was shown and before anything is written; throws to refuse it. What it accepted, and no other plan, is applied. */
  readonly accept?: (plan: ApplyReply) => void;
}

/** As {@link apply}, of a bundle that was read and checked. */
export async function applySource(
  context: CommandContext,
  source: BundleSource,
  options: ApplySourceOptions,
): Promise<void> {
  const { terminal, io, output } = context;
  const plan = await send(context, source, { label: 'comparing', query: '?dryRun=true' });
  const counts = countChanges(plan.changes);
  const isEmpty = counts.create + counts.update + counts.delete === 0;
  // With -o json standard output holds one document: that of the last step.
  const tell = output === 'json' ? terminal.note : terminal.print;
  if (isEmpty) tell(`Nothing to change: ${counts.unchanged} resources are as ${source.name} says.`);
  else tell(`${formatPlan(plan.changes, terminal.colors)}\n\nPlan: ${formatCounts(counts)}.`);

  options.accept?.(plan);
  const { declare = false } = options;
  if ((isEmpty && !declare) || options.dryRun) {
    if (output === 'json') terminal.print(JSON.stringify(plan, null, 2));
    return;
  }
  if (!isEmpty && !options.yes && !(await confirm(context, options))) {
    throw new CliError(
      EXIT.failure,
      options.toDo === 'import' ? 'nothing was imported' : 'nothing was applied',
    );
  }
  const startedMs = io.clock.monotonicMs();
  const query = addDeclare(convergenceQuery(options.waitMs), declare);
  const label = options.waitMs === null ? 'applying' : 'applying and waiting for the edges';
  // Somebody, or `accept`, has decided by the plan. With --yes alone the bundle is what counts.
  const state = options.yes && options.accept === undefined ? undefined : plan.state;
  const applied = await send(context, source, { label, query, waitMs: options.waitMs ?? 0, state });
  const seconds = ((io.clock.monotonicMs() - startedMs) / 1000).toFixed(1);
  if (output === 'json') terminal.print(JSON.stringify(applied, null, 2));
  if (!isEmpty)
    tell(`Applied as revision ${applied.revision} in ${seconds} s.${convergenceText(applied)}`);
  if (declare) tell(`Declared: the config-service watches for drift from ${source.name}.`);
  assertConverged(applied, options.waitMs);
}

function addDeclare(query: string, declare: boolean): string {
  if (!declare) return query;
  return query === '' ? '?declare=true' : `${query}&declare=true`;
}

interface Sending {
  readonly label: string;
  readonly query: string;
  readonly waitMs?: number;
  /** That of the plan which is to be carried out; undefined: whatever it is by now. */
  readonly state?: string | undefined;
}

function send(
  { terminal, api }: CommandContext,
  source: BundleSource,
  { label, query, waitMs = 0, state }: Sending,
): Promise<ApplyReply> {
  const request = {
    method: 'POST',
    path: `/v1/apply${query}`,
    body: source.value,
    ...(state === undefined ? {} : { headers: { 'if-match': `"${state}"` } }),
    timeoutMs: APPLY_TIMEOUT_MS + waitMs,
    source,
  } as const;
  return terminal.progress(label, api.send(ApplyReply, request));
}

async function confirm(
  { terminal }: CommandContext,
  options: ApplySourceOptions,
): Promise<boolean> {
  const { toDo = 'apply', isFromInput } = options;
  const advice = `Add --yes to ${toDo} without asking, or --dry-run to see the plan only.`;
  assertCanAsk(terminal.interactive && !isFromInput, toDo, advice);
  return terminal.confirm(toDo === 'apply' ? 'Apply?' : 'Import?');
}
