/** Where code reads the time; injected, so that tests can use a fake. */
export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch, for records and for people. */
  nowMs(): number;
  /** Monotonic time in milliseconds (fractions allowed), for measuring and for deadlines. */
  monotonicMs(): number;
}

/** The clock of the machine. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
