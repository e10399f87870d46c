/** Opcode of a close frame. */
const OPCODE_CLOSE = 8;

/**
 * Where frames end in one direction of a WebSocket (RFC 6455 section 5.2), so that a frame of the edge can be put
 * between two of them. Reads headers and skips payloads: the work is per frame, not per byte, and nothing is kept but
 * a few numbers. Trusts the peers: bytes that are no frames give boundaries of no meaning.
 *
 *     | FIN RSV opcode | MASK length7 | 0, 2 or 8 bytes of length | 0 or 4 bytes of masking key | payload |
 */
export class FrameTracker {
  /** A close frame has gone by whole: this direction says nothing more. */
  closed = false;
  /** Bytes of the present frame's header that were read; 0 between frames. */
  #headerBytes = 0;
  /** Bytes of the header in total, known from its second byte on. */
  #headerLength = 2;
  #opcode = 0;
  #masked = false;
  /** Payload still to come, once the header is complete. */
  #payloadBytes = 0;
  #inPayload = false;

  /** Between two frames: another may be inserted here. */
  get atBoundary(): boolean {
    return this.#headerBytes === 0;
  }

  /** Goes through bytes [start, end) of `chunk` up to the end of the present frame; returns the position behind it, or `end`. */
  next(chunk: Uint8Array, start: number, end: number): number {
    let at = start;
    while (!this.#inPayload) {
      if (at === end) return end;
      this.#readHeader(chunk[at] ?? 0);
      at += 1;
    }
    const skipped = Math.min(this.#payloadBytes, end - at);
    this.#payloadBytes -= skipped;
    if (this.#payloadBytes === 0) this.#endFrame();
    return at + skipped;
  }

  /** Goes through bytes [start, end) of `chunk`. */
  skip(chunk: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end) at = this.next(chunk, at, end);
  }

  #readHeader(byte: number): void {
    const index = this.#headerBytes;
    this.#headerBytes += 1;
    if (index === 0) {
      this.#opcode = byte & 0x0f;
    } else if (index === 1) {
      this.#masked = byte >= 0x80;
      const length = byte & 0x7f;
      const lengthBytes = length === 126 ? 2 : length === 127 ? 8 : 0;
      this.#payloadBytes = lengthBytes === 0 ? length : 0;
      this.#headerLength = 2 + lengthBytes + (this.#masked ? 4 : 0);
    } else if (index < this.#headerLength - (this.#masked ? 4 : 0)) {
      // Past 2^53 this is not exact, and nobody lives to see the end of such a frame.
      this.#payloadBytes = this.#payloadBytes * 256 + byte;
    }
    this.#inPayload = index > 0 && this.#headerBytes === this.#headerLength;
  }

  #endFrame(): void {
    if (this.#opcode === OPCODE_CLOSE) this.closed = true;
    this.#headerBytes = 0;
    this.#headerLength = 2;
    this.#inPayload = false;
  }
}

/**
 * A close frame as latin1 text.
 *
 * @param code status code (RFC 6455 section 7.4), which is the whole payload.
 * @param maskingKey four unpredictable bytes in the direction client to server; null in the other one.
 */
export function closeFrame(code: number, maskingKey: Uint8Array | null): string {
  const payload = [code >> 8, code & 0xff];
  if (maskingKey === null) return String.fromCharCode(0x88, payload.length, ...payload);
  const masked = payload.map((byte, index) => byte ^ (maskingKey[index] ?? 0));
  return String.fromCharCode(0x88, 0x80 | payload.length, ...maskingKey, ...masked);
}
