import type { BenchRow } from '../benchmark.ts';
import { spreadOf } from '../statistics.ts';

/** What parts measure, in the order of the columns. */
export const FIGURES = [
  'cpuUsPerRequest',
  'redisCpuUsPerRequest',
  'cpuUsPerMib',
  'mibPerSecond',
  'rps',
  'p50Ms',
  'p99Ms',
  'addedP50Ms',
  'addedP99Ms',
  'p99FromScheduleMs',
  'latenessP99Ms',
  'kibPerConnection',
  'mibPer10000Connections',
  'rssMib',
  'redisCommandsPerRequest',
  'redisOperationsPerRequest',
  'redisCommandsPerSecond',
  'redisRoundTripP50Ms',
  'redisScriptCallP50Ms',
  'timesLimit',
  'deniedPercent',
] as const;

/** Name of a figure; its unit stands at the end. */
export type FigureName = (typeof FIGURES)[number];

/** What was measured of a candidate in one round; a part fills in the same figures each time. */
export interface Round extends Partial<Readonly<Record<FigureName, number>>> {
  /** Answers. */
  readonly requests: number;
  readonly failedRequests: number;
  /** What part of the machine's CPU time its host gave to others meanwhile. */
  readonly stolenPercent?: number;
}

/** Candidates that others are compared with, in the order of the columns. */
export const BASELINES = [
  { ratio: 'ratioToHeadgate', name: 'headgate', title: '× headgate' },
  { ratio: 'ratioToHaproxy', name: 'haproxy', title: '× haproxy' },
  { ratio: 'ratioToTenTenants', name: 'headgate-10-tenants', title: '× 10 tenants' },
  { ratio: 'ratioToLimitsOff', name: 'headgate-limits-off', title: '× limits off' },
  { ratio: 'ratioToNginxLua', name: 'nginx-lua', title: '× nginx-lua' },
  { ratio: 'ratioToFastify', name: 'fastify', title: '× fastify' },
  { ratio: 'ratioToAdmitted', name: 'headgate-admitted', title: '× headgate-admitted' },
] as const;

/** Name of a ratio to one of the {@link BASELINES}. */
export type RatioName = (typeof BASELINES)[number]['ratio'];

type Ratios = Readonly<Record<RatioName, number | null>>;
type Medians = Partial<Readonly<Record<FigureName, number>>>;
type Extremes = Partial<Readonly<Record<`${FigureName}${'Min' | 'Max'}`, number>>>;

/**
 * A candidate over all rounds of a part. Each figure is there three times: the median, and the extremes with `Min` and
 * `Max` behind its name. Ratios are of `mainFigure`; null where the part has no such
 * baseline, it was not measured, or it is not above 0.
 */
export interface CandidateRow extends BenchRow, Medians, Extremes, Ratios {
  /** What it does per request, in words. */
  readonly description: string;
  /** The figure that the part is about. */
  readonly mainFigure: FigureName;
  /** Answers over all rounds. */
  readonly requests: number;
  /** Of the round that most CPU time of the machine was stolen from. */
  readonly stolenPercentMax: number;
  readonly rounds: readonly Round[];
}

/** A candidate and what was measured of it. */
export interface Measured {
  readonly name: string;
  readonly description: string;
  readonly rounds: readonly Round[];
}

/** Rows of a part, in the order given. @throws RangeError if a candidate has no rounds. */
export function summarise(
  part: {
    readonly name: string;
    readonly mainFigure: FigureName;
    readonly baselines: readonly RatioName[];
  },
  measured: readonly Measured[],
): readonly CandidateRow[] {
  const { mainFigure, baselines } = part;
  const medians = new Map(
    measured.map(({ name, rounds }) => [name, spreadOf(valuesOf(rounds, mainFigure)).median]),
  );
  return measured.map(({ name, description, rounds }) => {
    return {
      name,
      profile: part.name,
      description,
      mainFigure,
      ...spreadFields(rounds),
      ...ratiosOf(name, medians, baselines),
      requests: rounds.reduce((sum, round) => sum + round.requests, 0),
      stolenPercentMax: Math.max(...rounds.map((round) => round.stolenPercent ?? 0)),
      failedRequests: rounds.reduce((sum, round) => sum + round.failedRequests, 0),
      rounds,
    };
  });
}

/** Failed requests make figures worthless: a quick error costs less than an answer. */
export function failureFaults(rows: readonly CandidateRow[]): readonly string[] {
  return rows
    .filter((row) => row.failedRequests > 0)
    .map(
      (row) =>
        `${row.name}: ${row.failedRequests} of ${row.requests} requests failed (${row.profile})`,
    );
}

function spreadFields(rounds: readonly Round[]): Medians & Extremes {
  const fields: Record<string, number> = {};
  for (const figure of FIGURES) {
    const values = valuesOf(rounds, figure);
    if (values.length === 0) continue;
    const { median, min, max } = spreadOf(values);
    fields[figure] = median;
    fields[`${figure}Min`] = min;
    fields[`${figure}Max`] = max;
  }
  return fields;
}

function valuesOf(rounds: readonly Round[], figure: FigureName): readonly number[] {
  return rounds.flatMap((round) => round[figure] ?? []);
}

function ratiosOf(
  candidate: string,
  medians: ReadonlyMap<string, number>,
  baselines: readonly RatioName[],
): Ratios {
  const own = medians.get(candidate) ?? 0;
  const ratios = BASELINES.map(({ ratio, name }) => {
    const baseline = baselines.includes(ratio) ? (medians.get(name) ?? 0) : 0;
    return [ratio, baseline <= 0 ? null : own / baseline];
  });
  return Object.fromEntries(ratios) as Ratios; // its keys are the ratios of BASELINES
}
