import { Bundle, describeFaults, type Fault } from '@headgate/model';
import { formatPosition, type BundleSource } from './bundle-source.ts';
import { CliError, EXIT, type ExitCode } from './cli-error.ts';
import { printable } from './table.ts';

const FAULTS_SHOWN_MAX = 50;

/**
 * Checks a bundle against the schema before anything is sent.
 *
 * @throws CliError that lists each fault with file, line, column, path, value and rule.
 */
export function checkBundle(source: BundleSource): void {
  const result = Bundle.safeParse(source.value);
  if (result.success) return;
  const faults = describeFaults(result.error, source.value);
  throw faultsError(EXIT.failure, `${source.name} is not a valid bundle`, faults, source);
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
  const path = fault.path === '' ? '(the whole file)' : fault.path;
  return [printable(`${place}${path}${value}`), `    ${printable(fault.rule)}`];
}
