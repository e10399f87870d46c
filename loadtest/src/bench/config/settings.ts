import type { StormSchedule } from './storm/measure-storm.ts';

/** Edges of the cluster, with one worker each. */
export const EDGES = 4;

/** Tenants of the parts, one part each. */
export const TENANT_COUNTS = [10, 1000, 10_000, 100_000] as const;

/** The part that a quick run takes. */
export const QUICK_TENANTS = 10_000;

/** Requests per second while changes are measured, spread over all edges. */
export const TRAFFIC_PER_SECOND = 2000;

/** The same before anything is measured: enough of them for the code of each edge to be compiled then, and not later. */
export const WARM_UP_PER_SECOND = 5000;

/**
 * Connections for them: enough for a standstill of 128 ms. With 64 a pause of 32 ms, as where more processes run than
 * there are cores, left requests without one, which looked like failures of the edges.
 */
export const TRAFFIC_CONNECTIONS = 256;

/** Changes per second of the phases with many changes. */
export const CHANGES_PER_SECOND = 100;

/** Gap between two changes whose way to the edges is followed, in ms. */
export const CHANGE_GAP_MS = 40;

/** A change that takes longer than this to be in effect ends the run. */
export const CHANGE_DEADLINE_MS = 30_000;

/** Tenants in one request of the batch that loads them. */
export const TENANTS_PER_BUNDLE = 2500;

/** Lengths of the phases. */
export interface ConfigSchedule {
  /** Starts of an edge with an empty disk, of which the median counts. */
  readonly coldStarts: number;
  /** Changes before anything is measured: the JIT compilers of Node need them. */
  readonly warmUpChanges: number;
  /** Changes that are followed to all edges. */
  readonly followedChanges: number;
  /** Length of a quiet phase and of one with many changes, both under traffic, and how often they take turns. */
  readonly trafficSeconds: number;
  readonly trafficRounds: number;
  /** Length of the phases without traffic in which CPU time is measured: without changes and with them. */
  readonly idleSeconds: number;
  readonly cpuSeconds: number;
  /** Phases under traffic are taken again so often at most, if the machine's host has stolen time of them. */
  readonly retakesMax: number;
}

/** About 10 minutes for all parts. */
export const FULL_SCHEDULE: ConfigSchedule = {
  coldStarts: 5,
  warmUpChanges: 1000,
  followedChanges: 300,
  trafficSeconds: 5,
  trafficRounds: 3,
  idleSeconds: 5,
  cpuSeconds: 10,
  retakesMax: 10,
};

/** Under a minute, with the start and the loading. */
export const QUICK_SCHEDULE: ConfigSchedule = {
  coldStarts: 1,
  warmUpChanges: 100,
  followedChanges: 50,
  trafficSeconds: 2,
  trafficRounds: 1,
  idleSeconds: 1,
  cpuSeconds: 2,
  retakesMax: 0,
};

/** Tenants of the storm, with two routes each: 10,000 routes. */
export const STORM_TENANTS = 5000;

/** Requests per second in the storm; few, so that what changes cost is not lost in what requests cost. */
export const STORM_TRAFFIC_PER_SECOND = 500;

/** One change per second. About 5 minutes for all three proxies, loading included. */
export const FULL_STORM: StormSchedule = { warmUpSeconds: 5, seconds: 30, gapMs: 1000 };

/** About a minute. */
export const QUICK_STORM: StormSchedule = { warmUpSeconds: 1, seconds: 6, gapMs: 1000 };
