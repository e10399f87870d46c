import { FIGURE_TITLES, figureText } from './figure-text.ts';
import { FIGURES, type Measured, type Round } from './row.ts';
import { Retakes, STOLEN_PERCENT_MAX, type RetakesDeps } from '../stolen-time.ts';

/** Something that is measured in turn with others. */
export interface Contender {
  readonly name: string;
  readonly description: string;
  /** One measurement; null: it does not work here and takes part no more. */
  measure(): Promise<Round | null>;
}

/** Who is told how it goes; `say` takes a line of progress for each measurement. */
export interface RoundsObserver extends RetakesDeps {
  /** A measurement failed: the contender takes part no more. Throws to end the whole. */
  readonly onFailure: (name: string, error: unknown) => void;
  /** Measurements that the machine's host has stolen time of are taken again, once each on average. Default false. */
  readonly retakes?: boolean;
}

/**
 * Measures all contenders in turn, several times over, so that a change of the machine's speed meets all of them. Each
 * round begins with another one.
 *
 * @returns for each contender that works, in the order given, its measurements in the order of the rounds
 */
export async function interleave(
  contenders: readonly Contender[],
  count: number,
  observer: RoundsObserver,
): Promise<readonly Measured[]> {
  const { say } = observer;
  const retakes = new Retakes(observer.retakes === true ? count * contenders.length : 0, observer);
  const results = contenders.map((contender) => ({ contender, rounds: [] as Round[] }));
  const inRace = new Set(results);
  for (let round = 0; round < count; round += 1) {
    const first = round % results.length;
    for (const result of [...results.slice(first), ...results.slice(0, first)]) {
      if (!inRace.has(result)) continue;
      const measured = await measureOrReport(result.contender, observer, retakes);
      if (measured === null) inRace.delete(result);
      else {
        result.rounds.push(measured);
        say(`round ${round + 1}/${count}  ${progressText(result.contender.name, measured)}`);
      }
    }
  }
  return [...inRace].map(({ contender: { name, description }, rounds }) => {
    return { name, description, rounds };
  });
}

/** One series of rounds after the other as one, of those that took part in all of them. */
export function joinSeries(series: readonly (readonly Measured[])[]): readonly Measured[] {
  const [first = [], ...others] = series;
  return first.flatMap((measured) => {
    const further = others.map((rows) => rows.find(({ name }) => name === measured.name));
    const rounds = [measured, ...further].map((row) => row?.rounds);
    if (rounds.includes(undefined)) return [];
    return [{ ...measured, rounds: rounds.flatMap((some) => some ?? []) }];
  });
}

async function measureOrReport(
  contender: Contender,
  { onFailure }: RoundsObserver,
  retakes: Retakes,
): Promise<Round | null> {
  try {
    const { value, stolenPercent } = await retakes.measure(contender.name, () =>
      contender.measure(),
    );
    return value === null ? null : { ...value, stolenPercent };
  } catch (error) {
    onFailure(contender.name, error);
    return null;
  }
}

function progressText(name: string, round: Round): string {
  const figures = FIGURES.flatMap((figure) => {
    const value = round[figure];
    return value === undefined ? [] : [`${FIGURE_TITLES[figure]} ${figureText(figure, value)}`];
  });
  const failed = round.failedRequests === 0 ? [] : [`${round.failedRequests} FAILED`];
  const { stolenPercent = 0 } = round;
  const stolen = stolenPercent > STOLEN_PERCENT_MAX ? [`${stolenPercent.toFixed(1)} % stolen`] : [];
  return [name.padEnd(17), ...figures, ...failed, ...stolen].join('  ');
}
