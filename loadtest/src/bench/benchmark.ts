/** What the runner gives a benchmark. */
export interface BenchOptions {
  /** Short and coarse: ends within 60 s. */
  readonly quick: boolean;
  /** Names out of {@link Benchmark.profiles}; null: all. */
  readonly profiles: readonly string[] | null;
  /** Names out of {@link Benchmark.candidates}; null: all. */
  readonly candidates: readonly string[] | null;
  /** Takes lines of progress. */
  readonly say: (line: string) => void;
  /** Aborted when the user interrupts: the benchmark stops what it started and rejects. */
  readonly signal: AbortSignal;
}

/** One measured variant. Benchmarks add fields; what a part does not measure is absent. */
export interface BenchRow {
  readonly name: string;
  /** Part of the benchmark that it belongs to, such as `small`. */
  readonly profile: string;
  /** CPU time of its processes per request in µs, median over rounds. */
  readonly cpuUsPerRequest?: number;
  /** Requests per second, median over rounds. */
  readonly rps?: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  /** Over all rounds: socket errors, timeouts, statuses of 400 and more. */
  readonly failedRequests: number;
}

/** A variant that was not measured. */
export interface LeftOut {
  readonly name: string;
  readonly reason: string;
}

/** What `--json` writes. */
export interface BenchReport {
  readonly bench: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly quick: boolean;
  readonly machine: Machine;
  /** Settings of this run: rounds, seconds, connections and the like. */
  readonly settings: Readonly<Record<string, number | string>>;
  readonly rows: readonly BenchRow[];
  readonly leftOut: readonly LeftOut[];
  /** Why the figures must not be used, such as failed requests; empty if they may be. */
  readonly faults: readonly string[];
}

/** Where it ran. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly kernel: string;
  readonly node: string;
  /** One-minute load average before the start; figures taken on a busy machine are coarse. */
  readonly loadAverage: number;
}

/** What a benchmark found. */
export interface BenchResult {
  readonly report: BenchReport;
  /** The report as lines for a terminal. */
  readonly lines: readonly string[];
}

/** A benchmark that `npm run bench` can run. */
export interface Benchmark {
  readonly name: string;
  /** One line for the list. */
  readonly summary: string;
  /** Parts that `--profile` may select. */
  readonly profiles: readonly string[];
  /** Variants that `--candidate` may select. */
  readonly candidates: readonly string[];
  /** @throws BenchmarkError if the machine lacks something; its message says what to do. */
  run(options: BenchOptions): Promise<BenchResult>;
}

/** The benchmark cannot run here; the message is for the user. */
export class BenchmarkError extends Error {
  override readonly name = 'BenchmarkError';
}
