const LINE_END = Buffer.from('\r\n');

/** A piece of the NATS client protocol, with all of its bytes. */
export interface NatsFrame {
  readonly bytes: Buffer;
  /** Of a message, whichever way it goes; null for anything else, such as a PING or a subscription. */
  readonly subject: string | null;
}

/**
 * Cuts one direction of a NATS connection into frames: a line, and after that of a message its payload. It trusts its
 * input: both ends are ours.
 *
 *     PUB <subject> [reply] <bytes>␍␊<payload>␍␊           HPUB <subject> [reply] <header bytes> <bytes>␍␊…
 *     MSG <subject> <sid> [reply] <bytes>␍␊<payload>␍␊     HMSG <subject> <sid> [reply] <header bytes> <bytes>␍␊…
 */
export class NatsFrames {
  #rest: Buffer = Buffer.alloc(0);

  /** The frames that are whole with this chunk. */
  push(chunk: Buffer): readonly NatsFrame[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: NatsFrame[] = [];
    let start = 0;
    for (;;) {
      const lineEnd = bytes.indexOf(LINE_END, start);
      if (lineEnd === -1) break;
      const words = bytes.toString('latin1', start, lineEnd).split(' ');
      const isMessage = /^H?(PUB|MSG)$/i.test(words[0] ?? '');
      const payload = isMessage ? Number(words.at(-1)) + LINE_END.length : 0;
      const end = lineEnd + LINE_END.length + payload;
      if (end > bytes.length) break;
      const subject = isMessage ? (words[1] ?? '') : null;
      frames.push({ bytes: bytes.subarray(start, end), subject });
      start = end;
    }
    this.#rest = bytes.subarray(start);
    return frames;
  }
}
