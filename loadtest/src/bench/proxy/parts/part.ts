import type { BenchOptions } from '../../benchmark.ts';
import type { Candidate } from '../candidates/candidate.ts';
import type { FigureName, ProxyRow } from '../row.ts';
import type { PartSchedules } from '../settings.ts';
import type { RoundsObserver } from '../rounds.ts';
import type { SharedCandidates } from '../shared-candidates.ts';
import type { Workbench } from '../workbench.ts';

/** What a part runs with. */
export interface PartContext extends Pick<BenchOptions, 'quick' | 'signal'>, RoundsObserver {
  readonly bench: Workbench;
  /** Those of the part's candidates that take part this time; never empty. */
  readonly candidates: readonly Candidate[];
  readonly shared: SharedCandidates;
  readonly schedules: PartSchedules;
}

/** A part of the benchmark: one question, one table. */
export interface Part {
  /** The `profile` of its rows. */
  readonly name: string;
  /** The figure that ratios are of, and that stands first. */
  readonly mainFigure: FigureName;
  /** In the order of the table. */
  readonly candidates: readonly Candidate[];
  /** Names of the candidates that a quick run takes. */
  readonly quick: readonly string[];
  run(context: PartContext): Promise<readonly ProxyRow[]>;
}
