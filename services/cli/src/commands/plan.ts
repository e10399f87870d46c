import { readBundleSource } from '../bundle-source.ts';
import { CliError, EXIT } from '../cli-error.ts';
import { planBundle } from '../compare-bundle.ts';
import type { CommandContext } from '../context.ts';
import { checkBundle } from '../faults.ts';
import { countChanges, formatCounts, formatPlan } from '../plan-format.ts';
import { describeImpact, type LimitImpact, type PlanImpact } from '../plan-impact.ts';
import { printValue } from '../print-value.ts';
import { printable } from '../table.ts';

/** Options of `headgate plan`. */
export interface PlanOptions {
  readonly file: string;
  /** Fail with {@link EXIT.drift} if there is anything to change. */
  readonly detailedExitcode: boolean;
}

/**
 * Prints what applying a bundle would change, field by field, and what that means for tenants. Nothing is written.
 *
 * @throws CliError if the bundle is not valid, here or for the server; with `detailedExitcode` if it changes something.
 */
export async function plan(context: CommandContext, options: PlanOptions): Promise<void> {
  const { terminal, io } = context;
  const source = await readBundleSource(options.file, io.stdin);
  const bundle = checkBundle(source);
  const { revision, changes: all } = await planBundle(context, source);
  const changes = all.filter(({ action }) => action !== 'unchanged');
  const impact = describeImpact(changes, bundle);
  if (!printValue(context, { revision, changes, impact })) {
    if (changes.length === 0)
      terminal.print(`Nothing to change: the cluster is as ${source.name} says.`);
    else {
      const lines = formatPlan(changes, terminal.colors, { values: true });
      const counts = formatCounts(countChanges(all));
      terminal.print(`${lines}\n\n${formatImpact(impact).join('\n')}\n\nPlan: ${counts}.`);
    }
  }
  if (changes.length === 0 || !options.detailedExitcode) return;
  throw new CliError(EXIT.drift, `the cluster is not as ${source.name} says`, [
    'Nothing was written. Bring it there: headgate apply',
  ]);
}

function formatImpact(impact: PlanImpact): string[] {
  const { tenants, plans, routes, limits, suspended, resumed, keysRevoked } = impact;
  return [
    line('Tenants touched', tenants),
    line('Plans changed, for every tenant on them', plans),
    line('Shared upstreams changed, for every route to them', impact.sharedUpstreams),
    `Routes: ${routes.create} new, ${routes.update} changed, ${routes.delete} gone`,
    ...limits.map(formatLimit),
    line('Suspended (403 from then on)', suspended),
    line('Resumed', resumed),
    line('API keys revoked', keysRevoked),
    line('WebSockets cut, all of tenants', impact.webSocketsCut.tenants),
    line('WebSockets cut, of API keys', impact.webSocketsCut.apiKeys),
  ].filter((text) => text !== '');
}

const NAMES_SHOWN_MAX = 10;

function line(title: string, names: readonly string[]): string {
  if (names.length === 0) return '';
  const shown = names.slice(0, NAMES_SHOWN_MAX).join(', ');
  const more = names.length > NAMES_SHOWN_MAX ? `, +${names.length - NAMES_SHOWN_MAX}` : '';
  return printable(`${title}: ${names.length} (${shown}${more})`);
}

function formatLimit({ effect, owner, name, before, after }: LimitImpact): string {
  return printable(`Limit ${effect}: ${owner} ${name} ${before ?? 'none'} → ${after ?? 'none'}`);
}
