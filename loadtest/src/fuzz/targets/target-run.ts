import { FINDINGS_MAX, type Finding, type Target, type TargetSummary } from '../finding.ts';

/** What a target is asked to do. */
export interface TargetOptions {
  readonly seed: number;
  /** Inputs `from` to `from + inputs - 1`. */
  readonly from: number;
  readonly inputs: number;
  /** Monotonic time in ms at which to stop with what was done; Infinity for never. */
  readonly untilMs: number;
  /** Called for each finding at once. */
  readonly onFinding: (finding: Finding) => void;
  /** Called now and then with the number of inputs done. */
  readonly onProgress: (inputs: number) => void;
}

/** Counts what a target does. */
export class TargetRun {
  readonly options: TargetOptions;
  readonly #target: Target;
  readonly #startMs = performance.now();
  readonly #counts: Record<string, number> = {};
  readonly #findings: Finding[] = [];
  #inputs = 0;

  constructor(target: Target, options: TargetOptions) {
    this.#target = target;
    this.options = options;
  }

  get inputs(): number {
    return this.#inputs;
  }

  /** The time is up. */
  get over(): boolean {
    return performance.now() >= this.options.untilMs;
  }

  done(inputs: number): void {
    this.#inputs += inputs;
    this.options.onProgress(this.#inputs);
  }

  count(what: string, by = 1): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + by;
  }

  find(finding: Omit<Finding, 'target'>): void {
    this.count('findings');
    if (this.#findings.length >= FINDINGS_MAX) return;
    const full = { target: this.#target, ...finding };
    this.#findings.push(full);
    this.options.onFinding(full);
  }

  summary(): TargetSummary {
    return {
      target: this.#target,
      inputs: this.#inputs,
      seconds: (performance.now() - this.#startMs) / 1000,
      counts: this.#counts,
      findings: this.#findings,
    };
  }
}
