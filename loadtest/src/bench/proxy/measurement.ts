import type { BenchRow } from '../benchmark.ts';
import { spreadOf } from '../statistics.ts';
import type { WrkReport } from '../wrk-report.ts';

/** One candidate in one round. */
export interface Measurement extends WrkReport {
  /** CPU time of all of the candidate's processes, in µs. */
  readonly cpuUs: number;
}

/** A candidate over all rounds; medians, and extremes where they tell something. */
export interface ProxyRow extends BenchRow {
  readonly cpuUsPerRequestMin: number;
  readonly cpuUsPerRequestMax: number;
  /** `cpuUsPerRequest` divided by that of the candidate `headgate`; null if that was not measured. */
  readonly ratioToHeadgate: number | null;
  readonly rpsMin: number;
  readonly rpsMax: number;
  /** Answers over all rounds. */
  readonly requests: number;
  readonly rounds: readonly Measurement[];
}

/** A candidate and what was measured of it. */
export interface Measured {
  readonly name: string;
  readonly profile: string;
  readonly rounds: readonly Measurement[];
}

const BASELINE = 'headgate';

/** Rows of the report, in the order given. @throws Error if a round has no answered request. */
export function summarise(measured: readonly Measured[]): readonly ProxyRow[] {
  const baseline = measured.find(({ name }) => name === BASELINE);
  const baselineUs = baseline === undefined ? null : cpuSpread(baseline).median;
  return measured.map((candidate) => {
    const { rounds, name, profile } = candidate;
    const cpu = cpuSpread(candidate);
    const rps = spreadOf(rounds.map((round) => round.rps));
    return {
      name,
      profile,
      cpuUsPerRequest: cpu.median,
      cpuUsPerRequestMin: cpu.min,
      cpuUsPerRequestMax: cpu.max,
      ratioToHeadgate: baselineUs === null ? null : cpu.median / baselineUs,
      rps: rps.median,
      rpsMin: rps.min,
      rpsMax: rps.max,
      p50Ms: spreadOf(rounds.map((round) => round.p50Ms)).median,
      p99Ms: spreadOf(rounds.map((round) => round.p99Ms)).median,
      requests: rounds.reduce((sum, round) => sum + round.requests, 0),
      failedRequests: rounds.reduce((sum, round) => sum + round.failedRequests, 0),
      rounds,
    };
  });
}

/** Failed requests make figures worthless: a quick error costs less than an answer. */
export function failureFaults(rows: readonly ProxyRow[]): readonly string[] {
  return rows
    .filter((row) => row.failedRequests > 0)
    .map((row) => `${row.name}: ${row.failedRequests} of ${row.requests} requests failed`);
}

function cpuSpread({ name, rounds }: Measured): ReturnType<typeof spreadOf> {
  if (rounds.some((round) => round.requests === 0)) {
    throw new Error(`${name}: a round without an answered request`);
  }
  return spreadOf(rounds.map((round) => round.cpuUs / round.requests));
}
