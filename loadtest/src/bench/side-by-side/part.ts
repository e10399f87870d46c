import type { BenchOptions } from '../benchmark.ts';
import type { Candidate } from './candidate.ts';
import type { RoundsObserver } from './rounds.ts';
import type { CandidateRow, FigureName, RatioName } from './row.ts';
import type { SharedCandidates } from './shared-candidates.ts';
import type { Workbench } from './workbench.ts';

/** What a part runs with. */
export interface PartContext<Schedules>
  extends Pick<BenchOptions, 'quick' | 'signal'>, RoundsObserver {
  readonly bench: Workbench;
  /** Those of the part's candidates that take part this time; never empty. */
  readonly candidates: readonly Candidate[];
  readonly shared: SharedCandidates;
  /** Lengths of the benchmark's parts. */
  readonly schedules: Schedules;
}

/** What is known of a part before it runs. */
export interface PartSummary {
  /** The `profile` of its rows. */
  readonly name: string;
  /** The figure that ratios are of, and that stands first. */
  readonly mainFigure: FigureName;
  /** Ratios that its rows have. */
  readonly baselines: readonly RatioName[];
  /** In the order of the table. */
  readonly candidates: readonly Candidate[];
  /** Names of the candidates that a quick run takes. */
  readonly quick: readonly string[];
  /** A quick run has no time for the part unless it is named. Default false. */
  readonly quickIfNamed?: boolean;
}

/** A part of a benchmark: one question, one table. */
export interface Part<Schedules> extends PartSummary {
  run(context: PartContext<Schedules>): Promise<readonly CandidateRow[]>;
}
