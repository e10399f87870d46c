/** One thing to close at shutdown. */
interface ShutdownStep {
  readonly name: string;
  readonly close: () => void | Promise<void>;
}

/** What a failed step left behind. */
export interface ShutdownFailure {
  readonly name: string;
  readonly error: unknown;
}

/**
 * Closes what was opened, in reverse order. A step that throws does not keep the others from closing.
 * `close()` may be called more than once: all calls share one run.
 */
export class ShutdownStack {
  readonly #steps: ShutdownStep[] = [];
  #running: Promise<readonly ShutdownFailure[]> | null = null;

  /** Registers a step; call it right after the thing was opened. */
  push(name: string, close: () => void | Promise<void>): void {
    this.#steps.push({ name, close });
  }

  /** Runs all steps, last registered first, and returns those that failed. */
  close(): Promise<readonly ShutdownFailure[]> {
    this.#running ??= this.#run();
    return this.#running;
  }

  async #run(): Promise<readonly ShutdownFailure[]> {
    const failures: ShutdownFailure[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.close();
      } catch (error) {
        failures.push({ name: step.name, error });
      }
    }
    return failures;
  }
}
