import { availableParallelism, cpus, loadavg, release, type } from 'node:os';
import type { Machine } from './benchmark.ts';

/** Describes this machine for a report. */
export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    kernel: `${type()} ${release()}`,
    node: process.version,
    loadAverage: Number((loadavg()[0] ?? 0).toFixed(2)),
  };
}
