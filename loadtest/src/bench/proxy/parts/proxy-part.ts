import type { Part, PartContext } from '../../side-by-side/part.ts';
import type { RatioName } from '../../side-by-side/row.ts';
import type { PartSchedules } from '../settings.ts';

/** A part of the benchmark `proxy`. */
export type ProxyPart = Part<PartSchedules>;

/** What it runs with. */
export type ProxyContext = PartContext<PartSchedules>;

/** Ratios of all parts; each has those of the baselines that it measures. */
export const PROXY_BASELINES: readonly RatioName[] = [
  'ratioToHeadgate',
  'ratioToHaproxy',
  'ratioToTenTenants',
];
