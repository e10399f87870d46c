import { setTimeout as sleep } from 'node:timers/promises';
import { readBundleSource } from '../bundle-source.ts';
import { CliError, EXIT } from '../cli-error.ts';
import { compareBundle } from '../compare-bundle.ts';
import type { CommandContext } from '../context.ts';
import { countChanges, formatPlan } from '../plan-format.ts';
import { printValue } from '../print-value.ts';
import { DriftReply, type Change } from '../replies.ts';

/** Options of `headgate drift`. */
export interface DriftOptions {
  /** Null: compared with what was declared. */
  readonly file: string | null;
  /** Time between two checks in ms; null: one check. */
  readonly watchMs: number | null;
  /** Ends after so many checks; null: never. */
  readonly times: number | null;
}

/** What a comparison found. */
interface Drift {
  /** For people: what it was compared with. */
  readonly name: string;
  readonly drift: boolean;
  readonly revision: number;
  readonly changes: readonly Change[];
}

/**
 * Fails if the cluster is not as a bundle says, and prints what would bring it back; or does so again and again.
 *
 * @throws CliError with {@link EXIT.drift} if they differ; with another code if they cannot be compared.
 */
export async function drift(context: CommandContext, options: DriftOptions): Promise<void> {
  if (options.watchMs !== null) return watch(context, options, options.watchMs);
  const { terminal } = context;
  const { name, ...result } = await check(context, options.file);
  if (!printValue(context, result)) {
    const plan = formatPlan(result.changes, terminal.colors, { values: true });
    terminal.print(result.drift ? plan : `No drift: the cluster is as ${name} says.`);
  }
  failIfDrifted({ name, ...result });
}

async function check(context: CommandContext, file: string | null): Promise<Drift> {
  if (file === null) return checkDeclared(context);
  const source = await readBundleSource(file, context.io.stdin);
  const { revision, changes: all } = await compareBundle(context, source);
  const changes = all.filter(({ action }) => action !== 'unchanged');
  return { name: source.name, drift: changes.length > 0, revision, changes };
}

async function checkDeclared({ api }: CommandContext): Promise<Drift> {
  const reply = await api.send(DriftReply, { method: 'GET', path: '/v1/drift' });
  const { declared, since, drift: drifted, revision, changes } = reply;
  if (declared === null) {
    throw new CliError(EXIT.failure, 'nothing is declared: what is it to be compared with?', [
      'Declare a bundle: headgate apply -f FILE --declare',
      'Compare with another one: headgate drift -f FILE',
    ]);
  }
  const seen = since === null ? '' : ` (first seen at ${since})`;
  const name = `the bundle that ${declared.by} declared at ${declared.at}${seen}`;
  return { name, drift: drifted, revision, changes };
}

/** The bundle is read anew each time. What cannot be compared is told and tried again: the last check decides the exit code. */
async function watch(
  context: CommandContext,
  options: DriftOptions,
  everyMs: number,
): Promise<void> {
  if (options.file === '-') {
    throw new CliError(EXIT.usage, 'standard input can be read once only', [
      'With --watch, name a file or a folder.',
    ]);
  }
  let told = '';
  for (let count = 1; ; count++) {
    const found = await check(context, options.file).catch((error: unknown) => {
      if (error instanceof CliError) return error;
      throw error;
    });
    const state = found instanceof CliError ? found.message : describe(found);
    tell(context, found, state, state !== told);
    told = state;
    if (count === options.times) {
      if (found instanceof CliError) throw found;
      return failIfDrifted(found);
    }
    await sleep(everyMs);
  }
}

/** An event of each check as a line of JSON; for people a line whenever something has changed. */
function tell(
  { terminal, io, output }: CommandContext,
  found: Drift | CliError,
  state: string,
  changed: boolean,
): void {
  const at = new Date(io.clock.nowMs()).toISOString();
  if (output !== 'table') {
    const event =
      found instanceof CliError
        ? { at, event: 'drift-check', error: state, changed }
        : { at, event: 'drift-check', ...summaryOf(found), changed };
    terminal.print(JSON.stringify(event));
  } else if (changed) terminal.print(`${at}  ${state}`);
}

function summaryOf({ drift: drifted, revision, changes }: Drift) {
  const { create, update, delete: gone } = countChanges(changes);
  return { drift: drifted, revision, missing: create, different: update, notInBundle: gone };
}

function describe(found: Drift): string {
  const { missing, different, notInBundle } = summaryOf(found);
  if (!found.drift) return `no drift from ${found.name}`;
  return `drift from ${found.name}: ${missing} missing, ${different} different, ${notInBundle} not in the bundle`;
}

function failIfDrifted(found: Drift): void {
  if (!found.drift) return;
  const { missing, different, notInBundle } = summaryOf(found);
  throw new CliError(EXIT.drift, `the cluster has drifted from ${found.name}`, [
    `${missing} missing, ${different} different, ${notInBundle} not in the bundle`,
    'Who changed it: headgate history TENANT, headgate audit. Bring it back: headgate apply',
  ]);
}
