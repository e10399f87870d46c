/** One admission: when it was used, and what it cost. */
export interface Admission {
  readonly timeMs: number;
  readonly cost: number;
}

/** The most that any trailing window (x, x + W] holds, by brute force over all windows that end with an admission. */
export function busiestWindow(admissions: readonly Admission[], windowMs: number): number {
  let most = 0;
  for (const last of admissions) {
    let sum = 0;
    for (const { timeMs, cost } of admissions) {
      if (timeMs > last.timeMs - windowMs && timeMs <= last.timeMs) sum += cost;
    }
    most = Math.max(most, sum);
  }
  return most;
}
