import { Bundle, bundleFaults, describeFaults, type Fault } from '@headgate/model';
import { formatPosition, type BundleSource } from './bundle-source.ts';
import { CliError, EXIT, type ExitCode } from './cli-error.ts';
import { printable } from './table.ts';

const FAULTS_SHOWN_MAX = 50;

/**
 * Checks a bundle before anything is sent: the schema, and what its resources say of one another.
 *
 * @returns the bundle with defaults filled in.
 * @throws CliError that lists each fault with file, line, column, path, value and rule.
 */
export function checkBundle(source: BundleSource): Bundle {
  const { bundle, faults } = inspectBundle(source);
  if (bundle !== null && faults.length === 0) return bundle;
  throw faultsError(EXIT.failure, `${source.name} is not a valid bundle`, faults, source);
}

/** Every fault of a bundle that shows without a server; a null bundle breaks the schema. */
export function inspectBundle(source: BundleSource): {
  readonly bundle: Bundle | null;
  readonly faults: readonly Fault[];
} {
  const result = Bundle.safeParse(source.value);
  if (!result.success) {
    return { bundle: null, faults: describeFaults(result.error, source.value) };
  }
  return { bundle: result.data, faults: bundleFaults(result.data, Date.now()) };
}

/** An error that lists faults, each with its place in the files. */
export function faultsError(
  exitCode: ExitCode,
  what: string,
  faults: readonly Fault[],
  source: BundleSource | null,
): CliError {
  const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
  const lines = faults.slice(0, FAULTS_SHOWN_MAX).flatMap((fault) => formatFault(fault, source));
  if (faults.length > FAULTS_SHOWN_MAX) {
    lines.push(`… and ${faults.length - FAULTS_SHOWN_MAX} more`);
  }
  return new CliError(exitCode, `${what}: ${count}`, lines);
}

function formatFault(fault: Fault, source: BundleSource | null): string[] {
  const position = source?.locate(fault.path) ?? null;
  const place = position === null ? '' : `${formatPosition(position)}  `;
  const value = fault.value === undefined ? '' : ` = ${JSON.stringify(fault.value)}`;
  // Of a request that was not written in a file the rule says it all.
  if (fault.path === '' && source === null) return [printable(fault.rule)];
  const path = fault.path === '' ? '(the whole file)' : fault.path;
  return [printable(`${place}${path}${value}`), `    ${printable(fault.rule)}`];
}
