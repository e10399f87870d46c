import type { Benchmark } from './benchmark.ts';
import { configBenchmark } from './config/config-benchmark.ts';
import { limitsBenchmark } from './limits/limits-benchmark.ts';
import { microBenchmark } from './micro/micro-benchmark.ts';
import { proxyBenchmark } from './proxy/proxy-benchmark.ts';

/** All benchmarks, in the order of the list. */
export const BENCHMARKS: readonly Benchmark[] = [
  proxyBenchmark,
  limitsBenchmark,
  configBenchmark,
  microBenchmark,
];
