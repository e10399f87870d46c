import type { Part, PartContext } from '../../side-by-side/part.ts';
import type { LimitsSchedules } from '../settings.ts';

/** A part of the benchmark `limits`. */
export type LimitsPart = Part<LimitsSchedules>;

/** What it runs with. */
export type LimitsContext = PartContext<LimitsSchedules>;
