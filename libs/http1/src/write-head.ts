import { SP } from './bytes.ts';
import { FRAMING_CHUNKED, FRAMING_CLOSE, FRAMING_LENGTH, FRAMING_NONE } from './framing.ts';
import type { Framing } from './framing.ts';
import { SLOT_KEY, SLOT_KIND, SLOT_NAME_END, SLOT_NAME_START } from './header-block.ts';
import type { HeaderBlock } from './header-block.ts';
import type { HeaderSet } from './header-set.ts';
import { KIND_EXPECT, KIND_OTHER } from './header-names.ts';
import type { RequestHead } from './request-head.ts';
import type { ResponseHead } from './response-head.ts';

/** Offset behind `HTTP/1.1 200`. */
const STATUS_END = 12;

/** End of one chunk's data. */
export const CHUNK_END = '\r\n';
/** The last chunk and an empty trailer section. */
export const LAST_CHUNK = '0\r\n\r\n';

/**
 * The head to send to an endpoint, as latin1 text: a request line in HTTP/1.1, `Host`, the kept
 * header lines in their order, the framing of `head`, then `append`.
 *
 * Never kept: hop-by-hop fields, by name or by nomination in Connection (RFC 9110 section 7.6.1),
 * Host, Content-Length, and what `drop` holds. As `append` is added after that, no client can make
 * the edge's own headers vanish by nominating them. Expect is kept where it means something: for a
 * body of a client that understands 100 (RFC 9110 section 10.1.1).
 *
 * `target`, `host` and `append` (whole lines, each with its CRLF, or '') are written as they are:
 * the caller answers for them.
 * @hot
 */
export function writeRequestHead(
  head: RequestHead,
  target: string,
  host: string,
  drop: HeaderSet,
  append: string,
): string {
  const bodyless =
    head.framing === FRAMING_NONE || (head.framing === FRAMING_LENGTH && head.contentLength === 0);
  const keptKindMax = head.expectContinue && !bodyless ? KIND_EXPECT : KIND_OTHER;
  return (
    head.method +
    ' ' +
    target +
    ' HTTP/1.1\r\nHost: ' +
    host +
    '\r\n' +
    keptLines(head, drop, head.fieldsStart, keptKindMax) +
    framingLine(head.framing, head.contentLength) +
    append +
    '\r\n'
  );
}

/**
 * The head to send to a client, as latin1 text: the status line in HTTP/1.1, the kept header lines
 * in their order (see {@link writeRequestHead}), the framing, then `append`.
 *
 * `framing` is what the client gets, which may differ from what the endpoint sent. With no body,
 * a `contentLength` of 0 or more is announced all the same (answers to HEAD, 304) and -1 is not.
 * @hot
 */
export function writeResponseHead(
  head: ResponseHead,
  drop: HeaderSet,
  framing: Framing,
  contentLength: number,
  append: string,
): string {
  const tail = framingLine(framing, contentLength) + append + '\r\n';
  // The usual status line is copied together with the first kept lines.
  if (head.minorVersion === 1 && head.text.charCodeAt(STATUS_END) === SP) {
    return keptLines(head, drop, 0, KIND_EXPECT) + tail;
  }
  const statusLine = 'HTTP/1.1 ' + head.status + ' ' + head.reason + '\r\n';
  return statusLine + keptLines(head, drop, head.fieldsStart, KIND_EXPECT) + tail;
}

/**
 * Size line of a chunk with `bytes` bytes of data, which must be a positive integer.
 * @hot
 */
export function chunkHeader(bytes: number): string {
  return bytes.toString(16) + '\r\n';
}

/**
 * The head's text from `from` to the end of the headers without the dropped lines. Neighbours that
 * are kept are one substring: a head without drops is one copy.
 * @hot
 */
function keptLines(head: HeaderBlock, drop: HeaderSet, from: number, keptKindMax: number): string {
  const text = head.text;
  const count = head.headerCount;
  let kept = '';
  let rangeStart = from;
  for (let i = 0; i < count; i++) {
    const lineStart = head.slot(i, SLOT_NAME_START);
    if (head.slot(i, SLOT_KIND) <= keptKindMax) {
      const length = head.slot(i, SLOT_NAME_END) - lineStart;
      if (!drop.hasRange(text, lineStart, length, head.slot(i, SLOT_KEY))) continue;
    }
    if (lineStart > rangeStart) kept += text.substring(rangeStart, lineStart);
    rangeStart = i + 1 < count ? head.slot(i + 1, SLOT_NAME_START) : head.fieldsEnd;
  }
  return head.fieldsEnd > rangeStart ? kept + text.substring(rangeStart, head.fieldsEnd) : kept;
}

/** @hot */
function framingLine(framing: Framing, contentLength: number): string {
  if (framing === FRAMING_CHUNKED) return 'Transfer-Encoding: chunked\r\n';
  if (framing === FRAMING_CLOSE || contentLength < 0) return '';
  return 'Content-Length: ' + contentLength + '\r\n';
}
