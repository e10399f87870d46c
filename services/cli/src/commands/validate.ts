import type { Bundle } from '@headgate/model';
import { formatPosition, readBundleSource } from '../bundle-source.ts';
import { CliError, EXIT } from '../cli-error.ts';
import type { OutputFormat } from '../context.ts';
import { faultsError, inspectBundle } from '../faults.ts';
import { printValue } from '../print-value.ts';
import type { CliIo, Terminal } from '../terminal.ts';

/** What `headgate validate` works with: no server. */
export interface ValidateContext {
  readonly io: CliIo;
  readonly terminal: Terminal;
  readonly output: OutputFormat;
}

/**
 * Checks a bundle without a server: every fault of the schema, then what routes, upstreams and hosts say of one another.
 *
 * @throws CliError that lists each fault with file, line, column, path, value and rule.
 */
export async function validate(
  context: ValidateContext,
  options: { readonly file: string },
): Promise<void> {
  const { io, terminal } = context;
  const reading = readBundleSource(options.file, io.stdin);
  // Whoever types the bundle needs the line.
  const isTyped = options.file === '-' && io.stdin.isTTY === true;
  const source = await (isTyped ? reading : terminal.progress(`reading ${options.file}`, reading));
  const { bundle, faults } = inspectBundle(source);
  const located = faults.map((fault) => ({ ...source.locate(fault.path), ...fault }));
  const structured = printValue(context, { valid: faults.length === 0, faults: located });
  if (bundle !== null && faults.length === 0) {
    if (structured) return;
    terminal.print(`${source.name} is valid: ${countsOf(bundle)}`);
    const plans = plansElsewhere(bundle);
    if (plans.length > 0) terminal.note(`Plans that must be on the server: ${plans.join(', ')}`);
    const upstreams = upstreamsElsewhere(bundle);
    if (upstreams.length > 0) {
      terminal.note(`Shared upstreams that must be on the server: ${upstreams.join(', ')}`);
    }
    return;
  }
  const what = `${source.name} is not a valid bundle`;
  if (!structured) throw faultsError(EXIT.failure, what, faults, source);
  const first = source.locate(faults[0]?.path ?? '');
  throw new CliError(EXIT.failure, what, first === null ? [] : [formatPosition(first)]);
}

/** Plans that tenants are on and the bundle does not define; sorted. */
function plansElsewhere({ plans, tenants }: Bundle): string[] {
  const used = Object.values(tenants).map(({ planId }) => planId);
  return elsewhere(used, plans);
}

/** Shared upstreams that routes lead to and the bundle does not define; sorted. */
function upstreamsElsewhere({ upstreams, tenants }: Bundle): string[] {
  const routes = Object.values(tenants).flatMap((tenant) => Object.values(tenant.routes));
  const used = routes.flatMap(({ sharedUpstreamId }) => sharedUpstreamId ?? []);
  return elsewhere(used, upstreams);
}

function elsewhere(used: readonly string[], defined: object): string[] {
  return [...new Set(used)].filter((id) => !Object.hasOwn(defined, id)).sort();
}

/** Shared upstreams are told where there are any. */
function countsOf({ plans, upstreams, tenants }: Bundle): string {
  const shared = Object.keys(upstreams).length;
  const counted = [`plans ${Object.keys(plans).length}`, `tenants ${Object.keys(tenants).length}`];
  if (shared > 0) counted.splice(1, 0, `shared upstreams ${shared}`);
  return counted.join(', ');
}
