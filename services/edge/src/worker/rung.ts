/** Samples that have to agree at least, however long they took. */
const SAMPLES_MIN = 3;

/** A condition that begins only after its value was high for a while, and ends only after it was low for a while. */
export class Rung {
  readonly #enter: number;
  readonly #leave: number;
  readonly #enterMs: number;
  readonly #leaveMs: number;
  #held = false;
  /** Samples in a row that speak for a change, and the time of the first of them. */
  #samples = 0;
  #sinceMs = 0;

  /**
   * @param enter begins when every value of `enterMs` was at least this.
   * @param leave ends when every value of `leaveMs` was below this.
   */
  constructor(enter: number, leave: number, enterMs: number, leaveMs: number) {
    this.#enter = enter;
    this.#leave = leave;
    this.#enterMs = enterMs;
    this.#leaveMs = leaveMs;
  }

  /** Takes a sample; returns whether the condition holds. */
  observe(nowMs: number, value: number): boolean {
    const changes = this.#held ? value < this.#leave : value >= this.#enter;
    if (!changes) {
      this.#samples = 0;
      return this.#held;
    }
    if (this.#samples === 0) this.#sinceMs = nowMs;
    this.#samples += 1;
    const neededMs = this.#held ? this.#leaveMs : this.#enterMs;
    if (this.#samples >= SAMPLES_MIN && nowMs - this.#sinceMs >= neededMs) {
      this.#held = !this.#held;
      this.#samples = 0;
    }
    return this.#held;
  }
}
