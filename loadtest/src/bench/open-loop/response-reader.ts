const HEAD_BYTES_MAX = 16_384;
const END_OF_HEAD = '\r\n\r\n';

/**
 * Finds the ends of answers in the bytes of one connection, and does no more than that: a load generator must cost
 * little. It reads bodies with Content-Length only, as all candidates of the benchmark send them.
 */
export class ResponseReader {
  readonly #onResponse: (status: number) => void;
  #head = '';
  #status = 0;
  /** Bytes of the body that are still to come; -1 while a head is read. */
  #bodyLeft = -1;

  /** @param onResponse called at the end of each answer */
  constructor(onResponse: (status: number) => void) {
    this.#onResponse = onResponse;
  }

  /**
   * Takes the first `length` bytes of a buffer, which is free for reuse afterwards.
   *
   * @returns false if this is no answer that it can read; it must not be used any more then.
   */
  push(bytes: Buffer, length: number): boolean {
    let at = 0;
    while (at < length) {
      if (this.#bodyLeft === -1) {
        const used = this.#readHead(bytes, at, length);
        if (used === -1) return false;
        at += used;
      }
      if (this.#bodyLeft === -1) continue;
      const taken = Math.min(this.#bodyLeft, length - at);
      this.#bodyLeft -= taken;
      at += taken;
      if (this.#bodyLeft > 0) continue;
      this.#bodyLeft = -1;
      this.#onResponse(this.#status);
    }
    return true;
  }

  /** Bytes that belong to the head, or -1. */
  #readHead(bytes: Buffer, start: number, end: number): number {
    const before = this.#head.length;
    this.#head += bytes.toString('latin1', start, Math.min(end, start + HEAD_BYTES_MAX));
    const headEnd = this.#head.indexOf(END_OF_HEAD, Math.max(0, before - 3));
    if (headEnd === -1) return this.#head.length >= HEAD_BYTES_MAX ? -1 : end - start;
    const match = /^HTTP\/1\.1 (\d{3})\b[^]*\r\ncontent-length: *(\d{1,15}) *\r\n/i.exec(
      this.#head.slice(0, headEnd + 2),
    );
    this.#head = '';
    if (match === null) return -1;
    this.#status = Number(match[1]);
    this.#bodyLeft = Number(match[2]);
    return headEnd + END_OF_HEAD.length - before;
  }
}
