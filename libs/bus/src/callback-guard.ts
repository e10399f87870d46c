/** Runs callbacks of consumers so that their exceptions and rejections never reach our loops. */
export interface CallbackGuard {
  /** How many calls failed. */
  readonly failures: number;
  /** Calls `callback`; a failure is counted and reported with the name of the place. */
  run(where: string, callback: () => unknown): void;
}

/** @param report gets each failure; what it throws itself is dropped. */
export function createCallbackGuard(
  report: (where: string, error: unknown) => void,
): CallbackGuard {
  let failures = 0;
  const fail = (where: string, error: unknown) => {
    failures += 1;
    try {
      report(where, error);
    } catch {
      // The counter still tells; there is nobody left to tell more.
    }
  };
  return {
    get failures() {
      return failures;
    },
    run(where, callback) {
      try {
        const result = callback();
        if (result instanceof Promise) result.catch((error: unknown) => fail(where, error));
      } catch (error) {
        fail(where, error);
      }
    },
  };
}
