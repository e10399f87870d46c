import { describeFaults } from '@headgate/model';
import type { BundleSource } from '../bundle-source.ts';
import { CliError, EXIT } from '../cli-error.ts';
import { faultsError } from '../faults.ts';
import type { Terminal } from '../terminal.ts';
import { KongFile } from './kong-file.ts';
import type { Note } from './notes.ts';
import { translateKong } from './translate.ts';

/** What a file of Kong becomes. */
export interface KongOptions {
  readonly tenantId: string;
  readonly planId: string;
  /** Go on without what cannot be translated. */
  readonly acceptLosses: boolean;
}

/**
 * Makes a bundle out of a declarative file of Kong, and tells all that has no exact counterpart.
 *
 * @returns the bundle; faults in it are located at the beginning of the file.
 * @throws CliError if it is no such file, or for losses that are not accepted.
 */
export function bundleOfKong(
  source: BundleSource,
  { tenantId, planId, acceptLosses }: KongOptions,
  { note }: Pick<Terminal, 'note'>,
): BundleSource {
  const parsed = KongFile.safeParse(source.value);
  if (!parsed.success) {
    const faults = describeFaults(parsed.error, source.value);
    throw faultsError(
      EXIT.failure,
      `${source.name} is not a declarative file of Kong`,
      faults,
      source,
    );
  }
  const { bundle, notes } = translateKong(parsed.data, tenantId, planId);
  const describe = (what: string, some: readonly Note[]) => {
    const { lines } = faultsError(EXIT.failure, what, some, source);
    return [`${what}:`, ...lines.map((line) => `  ${line}`)].join('\n');
  };
  const [losses, changes] = [notes.filter(isLoss), notes.filter((one) => !isLoss(one))];
  if (changes.length > 0) note(describe('Translated, and not quite the same', changes));
  if (losses.length > 0 && acceptLosses) note(describe('Left out', losses));
  if (losses.length > 0 && !acceptLosses) {
    const { message, lines } = faultsError(
      EXIT.failure,
      `${source.name} cannot be translated as a whole`,
      losses,
      source,
    );
    throw new CliError(EXIT.failure, message, [...lines, 'To go on without that: --accept-losses']);
  }
  return { name: source.name, value: bundle, locate: () => source.locate('') };
}

function isLoss(note: Note): boolean {
  return note.isLoss;
}
