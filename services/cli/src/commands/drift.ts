import { readBundleSource } from '../bundle-source.ts';
import { CliError, EXIT } from '../cli-error.ts';
import { compareBundle } from '../compare-bundle.ts';
import type { CommandContext } from '../context.ts';
import { countChanges, formatPlan } from '../plan-format.ts';
import { printValue } from '../print-value.ts';

/**
 * Fails if the cluster is not as a bundle says, and prints what would bring it back.
 *
 * @throws CliError with {@link EXIT.drift} if they differ; with another code if they cannot be compared.
 */
export async function drift(
  context: CommandContext,
  options: { readonly file: string },
): Promise<void> {
  const { terminal, io } = context;
  const source = await readBundleSource(options.file, io.stdin);
  const reply = await compareBundle(context, source);
  const changes = reply.changes.filter(({ action }) => action !== 'unchanged');
  const result = { drift: changes.length > 0, revision: reply.revision, changes };
  if (!printValue(context, result)) {
    const plan = formatPlan(changes, terminal.colors, { values: true });
    terminal.print(result.drift ? plan : `No drift: the cluster is as ${source.name} says.`);
  }
  if (!result.drift) return;
  const { create, update, delete: gone } = countChanges(changes);
  throw new CliError(EXIT.drift, `the cluster has drifted from ${source.name}`, [
    `${create} missing, ${update} different, ${gone} not in the bundle`,
    'Who changed it: headgate history TENANT, headgate audit. Bring it back: headgate apply',
  ]);
}
