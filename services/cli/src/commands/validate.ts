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
    const counts = [bundle.plans, bundle.tenants].map((section) => Object.keys(section).length);
    terminal.print(`${source.name} is valid: plans ${counts[0]}, tenants ${counts[1]}`);
    const elsewhere = plansElsewhere(bundle);
    if (elsewhere.length > 0) {
      terminal.note(`Plans that must be on the server: ${elsewhere.join(', ')}`);
    }
    return;
  }
  const what = `${source.name} is not a valid bundle`;
  if (!structured) throw faultsError(EXIT.failure, what, faults, source);
  const first = source.locate(faults[0]?.path ?? '');
  throw new CliError(EXIT.failure, what, first === null ? [] : [formatPosition(first)]);
}

/** Plans that tenants are on and the bundle does not define; sorted. */
function plansElsewhere(bundle: {
  readonly plans: object;
  readonly tenants: Readonly<Record<string, { readonly planId: string }>>;
}): string[] {
  const used = Object.values(bundle.tenants).map(({ planId }) => planId);
  return [...new Set(used)].filter((id) => !Object.hasOwn(bundle.plans, id)).sort();
}
