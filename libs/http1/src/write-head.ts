import { SP } from './bytes.ts';
import { FRAMING_CHUNKED, FRAMING_CLOSE, FRAMING_LENGTH, FRAMING_NONE } from './framing.ts';
import type { Framing } from './framing.ts';
import {
  SLOT_KEY,
  SLOT_KIND,
  SLOT_NAME_END,
  SLOT_NAME_START,
  SLOT_VALUE_START,
} from './header-block.ts';
import type { HeaderBlock } from './header-block.ts';
import type { HeaderSet } from './header-set.ts';
import { KIND_EXPECT, KIND_HOST, KIND_OTHER } from './header-names.ts';
import type { RequestHead } from './request-head.ts';
import type { ResponseHead } from './response-head.ts';

/** Offset behind `HTTP/1.1 200`. */
const STATUS_END = 12;

/** Bytes of ` HTTP/1.1` and the line's end. */
const REQUEST_LINE_END = 11;

/** End of one chunk's data. */
export const CHUNK_END = '\r\n';
/** The last chunk and an empty trailer section. */
export const LAST_CHUNK = '0\r\n\r\n';

/**
 * The head to send to an endpoint, as latin1 text: a request line in HTTP/1.1, `Host`, the kept
 * header lines in their order, the framing of `head` unless its Content-Length is kept, `append`.
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
  const length = keptLength(head, head.framing, head.contentLength);
  const framing = length === -1 ? framingLine(head.framing, head.contentLength) : '';
  const tail = framing + append + '\r\n';
  // What would be written as it came is copied together with the lines that follow it.
  if (startsAsWritten(head, target, host)) {
    return keptLines(head, drop, 0, 1, keptKindMax, length) + tail;
  }
  return (
    head.method +
    ' ' +
    target +
    ' HTTP/1.1\r\nHost: ' +
    host +
    '\r\n' +
    keptLines(head, drop, head.fieldsStart, 0, keptKindMax, length) +
    tail
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
  const length = keptLength(head, framing, contentLength);
  const tail = (length === -1 ? framingLine(framing, contentLength) : '') + append + '\r\n';
  // The usual status line is copied together with the first kept lines.
  if (head.minorVersion === 1 && head.text.charCodeAt(STATUS_END) === SP) {
    return keptLines(head, drop, 0, 0, KIND_EXPECT, length) + tail;
  }
  const statusLine = 'HTTP/1.1 ' + head.status + ' ' + head.reason + '\r\n';
  return statusLine + keptLines(head, drop, head.fieldsStart, 0, KIND_EXPECT, length) + tail;
}

/**
 * Size line of a chunk with `bytes` bytes of data, which must be a positive integer.
 * @hot
 */
export function chunkHeader(bytes: number): string {
  return bytes.toString(16) + '\r\n';
}

/**
 * Whether the head begins with the very request line that is to be written, and a first header that says `Host: host`.
 * @hot
 */
function startsAsWritten(head: RequestHead, target: string, host: string): boolean {
  const { text, fieldsStart } = head;
  const targetStart = head.method.length + 1;
  return (
    head.minorVersion === 1 &&
    head.headerCount > 0 &&
    head.slot(0, SLOT_KIND) === KIND_HOST &&
    targetStart + target.length + REQUEST_LINE_END === fieldsStart &&
    head.isPlainLine(0, host.length) &&
    text.startsWith(target, targetStart) &&
    text.startsWith(host, head.slot(0, SLOT_VALUE_START))
  );
}

/**
 * Index of the Content-Length that goes on as it came, -1 if there is none.
 * @hot
 */
function keptLength(head: RequestHead | ResponseHead, framing: Framing, length: number): number {
  const same = length >= 0 && length === head.contentLength;
  return same && (framing === FRAMING_LENGTH || framing === FRAMING_NONE) ? head.plainLength : -1;
}

/**
 * The head's text from `from` to the end of the headers without the dropped lines, of which none is before header `first`.
 * Neighbours that are kept are one substring: a head without drops is one copy.
 * @hot
 */
function keptLines(
  head: HeaderBlock,
  drop: HeaderSet,
  from: number,
  first: number,
  keptKindMax: number,
  lengthLine: number,
): string {
  const text = head.text;
  const count = head.headerCount;
  let kept = '';
  let rangeStart = from;
  for (let i = first; i < count; i++) {
    if (i === lengthLine) continue;
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
