import type { BenchOptions, LeftOut } from '../benchmark.ts';
import type { Candidate } from './candidate.ts';
import type { PartSummary } from './part.ts';

/** A part with the candidates that take part this time. */
export interface ChosenPart<Part> {
  readonly part: Part;
  /** Never empty. */
  readonly candidates: readonly Candidate[];
}

/**
 * What runs. A quick run takes all candidates in the first part only; those that it passes over are in `leftOut`.
 * Naming candidates takes exactly these, in a quick run too.
 */
export function chooseParts<Part extends PartSummary>(
  parts: readonly Part[],
  options: Pick<BenchOptions, 'quick' | 'profiles' | 'candidates'>,
): { readonly parts: readonly ChosenPart<Part>[]; readonly leftOut: readonly LeftOut[] } {
  const { quick, profiles, candidates: named } = options;
  const leftOut: LeftOut[] = [];
  const chosen = parts
    .filter((part) => profiles === null || profiles.includes(part.name))
    .map((part) => {
      const asked = part.candidates.filter(({ name }) => named === null || named.includes(name));
      const isPassedOver = part.quickIfNamed === true && profiles === null;
      const ofQuick = isPassedOver ? [] : part.quick;
      const candidates =
        quick && named === null ? asked.filter(({ name }) => ofQuick.includes(name)) : asked;
      const passed = asked.filter((candidate) => !candidates.includes(candidate));
      if (passed.length > 0) {
        const names = passed.map(({ name }) => name).join(', ');
        leftOut.push({ name: `${names} in ${part.name}`, reason: 'a quick run' });
      }
      return { part, candidates };
    })
    .filter(({ candidates }) => candidates.length > 0);
  return { parts: chosen, leftOut };
}
