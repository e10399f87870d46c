/** Longest time in ms that a client may go on sending after its last answer (nginx's `lingering_time`). */
const LINGER_TOTAL_MS = 30_000;

/**
 * How long a connection is kept after its last answer and our FIN. A close with unread data is an RST, which may destroy
 * the answer before the client has read it (RFC 9112 section 9.6), so what still comes is read and dropped; and a slow
 * client may take the rest of its answer as long as it takes any of it.
 */
export class Lingering {
  readonly #quietMs: number;
  readonly #stallMs: number;
  #untilMs = 0;
  #unsentBytes = 0;
  /** Something was read since the last look. */
  #heard = false;

  /**
   * @param quietMs without a byte of the client after which the connection closes.
   * @param stallMs after which a client that takes nothing of its answer is cut.
   */
  constructor(quietMs: number, stallMs: number) {
    this.#quietMs = quietMs;
    this.#stallMs = stallMs;
  }

  /** Begins; returns when to look again. */
  begin(nowMs: number, unsentBytes: number): number {
    this.#untilMs = nowMs + LINGER_TOTAL_MS;
    this.#unsentBytes = unsentBytes;
    this.#heard = false;
    return nowMs + (unsentBytes > 0 ? this.#stallMs : this.#quietMs);
  }

  /** The client has taken all of its answer; returns when to look again. */
  drained(nowMs: number): number {
    this.#unsentBytes = 0;
    return nowMs + this.#quietMs;
  }

  /** The client sent something, which was dropped. */
  heard(): void {
    this.#heard = true;
  }

  /** Looks; returns when to look again, or null to close now. */
  lookAgainMs(nowMs: number, unsentBytes: number): number | null {
    const heard = this.#heard;
    const taken = unsentBytes < this.#unsentBytes;
    this.#heard = false;
    this.#unsentBytes = unsentBytes;
    if (unsentBytes > 0 && taken) return nowMs + this.#stallMs;
    return heard && nowMs < this.#untilMs ? nowMs + this.#quietMs : null;
  }
}
