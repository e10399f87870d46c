import { FIGURE_TITLES, figureText } from './figure-text.ts';
import { FIGURES, type Round } from './row.ts';

/** Something that is measured in turn with others. */
export interface Contender {
  readonly name: string;
  readonly description: string;
  /** One measurement. */
  measure(): Promise<Round>;
}

/**
 * Measures all contenders in turn, several times over, so that a change of the machine's speed meets all of them. Each
 * round begins with another one.
 *
 * @param say takes a line of progress for each measurement
 * @returns for each contender, in the order given, its measurements in the order of the rounds
 */
export async function interleave<T extends Contender>(
  contenders: readonly T[],
  count: number,
  say: (line: string) => void,
): Promise<readonly (T & { readonly rounds: readonly Round[] })[]> {
  const results = contenders.map((contender) => ({ ...contender, rounds: [] as Round[] }));
  for (let round = 0; round < count; round += 1) {
    const first = round % results.length;
    for (const contender of [...results.slice(first), ...results.slice(0, first)]) {
      const measured = await contender.measure();
      contender.rounds.push(measured);
      say(`round ${round + 1}/${count}  ${progressText(contender.name, measured)}`);
    }
  }
  return results;
}

function progressText(name: string, round: Round): string {
  const figures = FIGURES.flatMap((figure) => {
    const value = round[figure];
    return value === undefined ? [] : [`${FIGURE_TITLES[figure]} ${figureText(figure, value)}`];
  });
  const failed = round.failedRequests === 0 ? [] : [`${round.failedRequests} FAILED`];
  return [name.padEnd(17), ...figures, ...failed].join('  ');
}
