/** Longest time that one look accounts for: a loop that was late to look was late to read, too. */
const LOOK_MS_MAX = 2000;

/**
 * Whether a client keeps up with a least rate, in one direction.
 *
 * Every ms in which it could have moved a byte puts it behind by that ms, every byte moved makes up for the time that
 * the byte is worth at the least rate. So the average counts, as with Apache's `MinRate`, but bytes sent quickly are no
 * credit for later: a client may be behind by `behindMsMax` and no more, at any time.
 */
export class ClientPace {
  readonly #msPerByte: number;
  readonly #behindMsMax: number;
  #behindMs = 0;
  #lookedMs = -1;
  #movedBytes = 0;

  /** @param bytesPerSecondMin 0 lets a client be as slow as it likes. */
  constructor(bytesPerSecondMin: number, behindMsMax: number) {
    this.#msPerByte = bytesPerSecondMin === 0 ? Infinity : 1000 / bytesPerSecondMin;
    this.#behindMsMax = bytesPerSecondMin === 0 ? Infinity : behindMsMax;
  }

  /** Begins anew: nothing is owed. */
  reset(): void {
    this.#behindMs = 0;
    this.#lookedMs = -1;
  }

  /** It is not for the client to move: the time until the next but one look is not counted. */
  rest(): void {
    this.#lookedMs = -1;
  }

  /**
   * Looks at how far the client has come; true when it is too slow.
   *
   * @param movedBytes all bytes so far; only what it grew by since the last look counts.
   */
  look(nowMs: number, movedBytes: number): boolean {
    if (this.#lookedMs >= 0) {
      const passedMs = Math.min(nowMs - this.#lookedMs, LOOK_MS_MAX);
      const moved = movedBytes - this.#movedBytes;
      const madeUpMs = moved <= 0 ? 0 : moved * this.#msPerByte;
      this.#behindMs = Math.max(0, this.#behindMs + passedMs - madeUpMs);
    }
    this.#lookedMs = nowMs;
    this.#movedBytes = movedBytes;
    return this.#behindMs > this.#behindMsMax;
  }
}
