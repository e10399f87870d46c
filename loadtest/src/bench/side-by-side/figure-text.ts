import type { FigureName } from './row.ts';

/** Titles of columns. */
export const FIGURE_TITLES: Readonly<Record<FigureName, string>> = {
  cpuUsPerRequest: 'CPU µs/request',
  redisCpuUsPerRequest: 'Redis’s part',
  cpuUsPerMib: 'CPU µs/MiB',
  mibPerSecond: 'MiB/s',
  rps: 'requests/s',
  p50Ms: 'p50 ms',
  p99Ms: 'p99 ms',
  addedP50Ms: 'added p50 ms',
  addedP99Ms: 'added p99 ms',
  p99FromScheduleMs: 'p99 ms from schedule',
  latenessP99Ms: 'lateness p99 ms',
  kibPerConnection: 'KiB/connection',
  mibPer10000Connections: 'MiB/10,000 connections',
  rssMib: 'RSS MiB',
  redisCommandsPerRequest: 'Redis commands/request',
  redisOperationsPerRequest: 'Redis operations/request',
  redisCommandsPerSecond: 'Redis commands/s',
  redisRoundTripP50Ms: 'Redis round trip p50 ms',
  redisScriptCallP50Ms: 'Redis script call p50 ms',
  timesLimit: '× its limit',
  deniedPercent: 'denied %',
};

const DIGITS: Readonly<Record<FigureName, number>> = {
  cpuUsPerRequest: 1,
  redisCpuUsPerRequest: 1,
  cpuUsPerMib: 0,
  mibPerSecond: 0,
  rps: 0,
  p50Ms: 2,
  p99Ms: 2,
  addedP50Ms: 3,
  addedP99Ms: 3,
  p99FromScheduleMs: 2,
  latenessP99Ms: 3,
  kibPerConnection: 1,
  mibPer10000Connections: 1,
  rssMib: 0,
  redisCommandsPerRequest: 3,
  redisOperationsPerRequest: 2,
  redisCommandsPerSecond: 0,
  redisRoundTripP50Ms: 3,
  redisScriptCallP50Ms: 3,
  timesLimit: 0,
  deniedPercent: 1,
};

/** A figure for a reader, without its unit. */
export function figureText(figure: FigureName, value: number): string {
  const digits = DIGITS[figure];
  return value.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}
