import { COMMA, CR, HTAB, SP, TOKEN, equalsLower, isDigit } from './bytes.ts';
import { HTTP1_FAULTS } from './faults.ts';
import type { Http1Fault } from './faults.ts';
import type { FieldSurvey } from './field-survey.ts';
import { SLOT_NAME_END, SLOT_VALUE_END, SLOT_VALUE_START } from './header-block.ts';
import type { HeaderBlock } from './header-block.ts';

/**
 * Refuses every head whose Content-Length and Transfer-Encoding are not beyond doubt (RFC 9112
 * sections 6.1 to 6.3). Where the RFC lets a recipient repair (equal Content-Lengths, both fields
 * at once, Transfer-Encoding in HTTP/1.0) this refuses: a repair here is a discrepancy elsewhere.
 * The value of Content-Length itself is read by {@link readContentLength}.
 * @hot
 */
export function checkFraming(
  block: HeaderBlock,
  survey: FieldSurvey,
  minorVersion: 0 | 1,
): Http1Fault | null {
  if (survey.contentLengthCount > 1) return HTTP1_FAULTS.HG_HTTP_LENGTH_REPEATED;
  if (survey.contentLengthCount === 1 && hasTabAround(block, survey.contentLength)) {
    return HTTP1_FAULTS.HG_HTTP_LENGTH_INVALID;
  }
  if (survey.transferEncodingCount === 0) return null;
  if (survey.contentLengthCount !== 0) return HTTP1_FAULTS.HG_HTTP_LENGTH_AND_CODING;
  if (minorVersion === 0) return HTTP1_FAULTS.HG_HTTP_CODING_VERSION;
  const coding = survey.transferEncoding;
  if (survey.transferEncodingCount > 1 || hasTabAround(block, coding)) {
    return HTTP1_FAULTS.HG_HTTP_CODING_INVALID;
  }
  const start = block.slot(coding, SLOT_VALUE_START);
  const end = block.slot(coding, SLOT_VALUE_END);
  if (equalsLower(block.text, start, end, 'chunked')) return null;
  return codingFault(block.text, start, end);
}

/**
 * Whether a tab surrounds the value of a header. RFC 9110 section 5.5 allows it, but nginx and
 * llhttp count a tab there to the value, so a field that delimits the message must not have one.
 */
function hasTabAround(block: HeaderBlock, header: number): boolean {
  const text = block.text;
  const start = block.slot(header, SLOT_VALUE_START);
  for (let i = block.slot(header, SLOT_NAME_END); i < start; i++) {
    if (text.charCodeAt(i) === HTAB) return true;
  }
  for (let i = block.slot(header, SLOT_VALUE_END); text.charCodeAt(i) !== CR; i++) {
    if (text.charCodeAt(i) === HTAB) return true;
  }
  return false;
}

/**
 * Value of a Content-Length in `text[start, end)`: digits only, at most 2^53 - 1; -1 otherwise.
 * Leading zeros are legal; what is forwarded is written anew. Beyond 2^53 the sum is rounded, but
 * never to below the bound, so the comparison is exact where it matters.
 * @hot
 */
function parseContentLength(text: string, start: number, end: number): number {
  if (start === end) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const byte = text.charCodeAt(i);
    if (!isDigit(byte)) return -1;
    value = value * 10 + (byte - 0x30);
    if (value > Number.MAX_SAFE_INTEGER) return -1;
  }
  return value;
}

/**
 * Reads the head's Content-Length at index `header`. Its line is written anew unless it says the number and nothing else.
 * @hot
 */
export function readContentLength(block: HeaderBlock, header: number): number {
  const start = block.slot(header, SLOT_VALUE_START);
  const end = block.slot(header, SLOT_VALUE_END);
  const value = parseContentLength(block.text, start, end);
  const zeros = end - start > 1 && block.text.charCodeAt(start) === 0x30;
  if (value !== -1 && !zeros && block.isPlainLine(header, end - start)) block.plainLength = header;
  return value;
}

/**
 * 501 for a well-formed list of foreign codings that ends in its only `chunked`; 400 for all else,
 * as a body whose last coding is not chunked has no end (RFC 9112 section 6.3, rule 4).
 */
function codingFault(text: string, start: number, end: number): Http1Fault {
  let at = start;
  for (;;) {
    const codingStart = at;
    while (at < end && TOKEN[text.charCodeAt(at)] === 1) at++;
    if (at === codingStart) return HTTP1_FAULTS.HG_HTTP_CODING_INVALID;
    const last = at === end;
    if (equalsLower(text, codingStart, at, 'chunked') !== last) {
      return HTTP1_FAULTS.HG_HTTP_CODING_INVALID;
    }
    if (last) return HTTP1_FAULTS.HG_HTTP_CODING_UNSUPPORTED;
    while (at < end && isSpace(text.charCodeAt(at))) at++;
    if (text.charCodeAt(at) !== COMMA) return HTTP1_FAULTS.HG_HTTP_CODING_INVALID;
    at++;
    while (at < end && isSpace(text.charCodeAt(at))) at++;
  }
}

function isSpace(byte: number): boolean {
  return byte === SP || byte === HTAB;
}
