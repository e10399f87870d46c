/** One request as it came over the wire. */
export interface RecordedRequest {
  /** All its bytes: head and body. */
  readonly raw: Buffer;
  /** Request line and fields up to and with the empty line, one character per byte (latin1). */
  readonly head: string;
  /** The body as sent: with chunk sizes and trailers if it is chunked. */
  readonly body: Buffer;
}

/**
 * Cuts the first whole request off the front of `bytes`, or returns null if it is not complete.
 * Framing is only as strict as a recorder needs: `Transfer-Encoding: chunked`, else
 * `Content-Length`, else no body. Never use it to judge a parser.
 */
export function splitRequest(bytes: Buffer): RecordedRequest | null {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd === -1) return null;
  const bodyStart = headEnd + 4;
  const head = bytes.toString('latin1', 0, bodyStart);
  const bodyEnd = endOfBody(bytes, bodyStart, head);
  if (bodyEnd === null || bodyEnd > bytes.length) return null;
  return {
    raw: bytes.subarray(0, bodyEnd),
    head,
    body: bytes.subarray(bodyStart, bodyEnd),
  };
}

function endOfBody(bytes: Buffer, bodyStart: number, head: string): number | null {
  if (/^transfer-encoding:.*chunked/im.test(head)) return endOfChunks(bytes, bodyStart);
  const length = /^content-length:[ \t]*(\d+)/im.exec(head)?.[1];
  return bodyStart + (length === undefined ? 0 : Number(length));
}

function endOfChunks(bytes: Buffer, bodyStart: number): number | null {
  let at = bodyStart;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd === -1) return null;
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    if (Number.isNaN(size)) return bytes.length;
    if (size === 0) return endOfTrailers(bytes, lineEnd);
    at = lineEnd + 2 + size + 2;
  }
}

/** `lineEnd` is the end of the last chunk's size line; an empty line ends the trailers. */
function endOfTrailers(bytes: Buffer, lineEnd: number): number | null {
  const end = bytes.indexOf('\r\n\r\n', lineEnd);
  return end === -1 ? null : end + 4;
}
