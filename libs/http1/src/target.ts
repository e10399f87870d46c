import {
  ASTERISK,
  BACKSLASH,
  DOT,
  HEX_VALUE,
  LOWER,
  PERCENT,
  QUESTION,
  SEMICOLON,
  SLASH,
} from './bytes.ts';
import { HTTP1_FAULTS } from './faults.ts';
import type { Http1Fault } from './faults.ts';

// Policy for paths. Routes and credentials are decided on exactly the bytes that are forwarded:
// nothing is decoded, merged or normalised here. What another server could read as a different
// path is therefore refused, not repaired:
//   - broken escapes, and escapes of `/`, `\` and control bytes (%2f %5c %00-%1f %7f);
//   - segments `.` and `..`, whether literal, escaped (%2e) or with a parameter (`..;x`);
//   - empty segments (`//`) other than the one that a trailing slash makes: many servers merge
//     slashes, so `//admin` would pass a route for `/` and act as `/admin`.
// `;` elsewhere, double escapes (%252f) and escapes above 0x7f are ordinary characters, forwarded
// as they are. The query is not checked beyond its bytes; it takes no part in finding a resource.

/** Where the parts of a target lie, as offsets into the head; one per parser, reused. */
export class TargetParts {
  /** Authority of the absolute-form; equal positions when the target has none. */
  authorityStart = 0;
  authorityEnd = 0;
  /** Path; empty in absolute-form without one, and for `*`. */
  pathStart = 0;
  pathEnd = 0;
}

/**
 * Checks a target, whose bytes are all of class `TARGET` and which lies at
 * `[targetStart, targetEnd)` of the head that begins at `bytes[base]`, against the forms of RFC 9112 section 3.2
 * and the policy for paths, and fills `parts`. CONNECT, with its authority-form, was refused before.
 * @hot
 */
export function checkTarget(
  bytes: Uint8Array,
  base: number,
  targetStart: number,
  targetEnd: number,
  isOptions: boolean,
  parts: TargetParts,
): Http1Fault | null {
  const start = base + targetStart;
  const end = base + targetEnd;
  parts.authorityStart = targetStart;
  parts.authorityEnd = targetStart;
  parts.pathStart = targetStart;
  let pathStart = start;
  if (bytes[start] !== SLASH) {
    if (end - start === 1 && bytes[start] === ASTERISK && isOptions) {
      parts.pathEnd = targetStart;
      return null;
    }
    const authorityStart = behindScheme(bytes, start, end);
    if (authorityStart === -1) return HTTP1_FAULTS.HG_HTTP_TARGET_INVALID;
    let at = authorityStart;
    while (at < end && bytes[at] !== SLASH && bytes[at] !== QUESTION) at++;
    if (at === authorityStart) return HTTP1_FAULTS.HG_HTTP_TARGET_INVALID;
    parts.authorityStart = authorityStart - base;
    parts.authorityEnd = at - base;
    parts.pathStart = at - base;
    pathStart = at;
  }
  return checkPath(bytes, base, pathStart, end, parts);
}

/**
 * Walks the segments of a path that is empty or begins with `/`. `dots` counts the dots, plain or
 * escaped, of the segment so far, and is negative once it holds anything else.
 * @hot
 */
function checkPath(
  bytes: Uint8Array,
  base: number,
  start: number,
  end: number,
  parts: TargetParts,
): Http1Fault | null {
  let at = start;
  let segmentStart = start + 1;
  let dots = 0;
  for (; at < end; at++) {
    let byte = bytes[at] ?? 0;
    if (byte === QUESTION) break;
    if (byte === SLASH) {
      if (at === start) continue;
      if (at === segmentStart || dots > 0) return HTTP1_FAULTS.HG_HTTP_TARGET_SEGMENT;
      segmentStart = at + 1;
      dots = 0;
      continue;
    }
    if (byte === PERCENT) {
      byte = escapedByte(bytes, at, end);
      if (byte < 0) return HTTP1_FAULTS.HG_HTTP_TARGET_ESCAPE;
      at += 2;
    }
    if (byte === SEMICOLON && dots > 0) return HTTP1_FAULTS.HG_HTTP_TARGET_SEGMENT;
    if (byte !== DOT || dots === 2) dots = -1;
    else if (dots >= 0) dots++;
  }
  if (dots > 0) return HTTP1_FAULTS.HG_HTTP_TARGET_SEGMENT;
  parts.pathEnd = at - base;
  return null;
}

/** The byte that `%xx` at `at` stands for; -1 when it is broken or forbidden in a path. */
function escapedByte(bytes: Uint8Array, at: number, end: number): number {
  if (at + 2 >= end) return -1;
  const high = HEX_VALUE[bytes[at + 1] ?? 0] ?? -1;
  const low = HEX_VALUE[bytes[at + 2] ?? 0] ?? -1;
  if (high < 0 || low < 0) return -1;
  const byte = high * 16 + low;
  return byte < 0x20 || byte === SLASH || byte === BACKSLASH || byte === 0x7f ? -1 : byte;
}

/** Position behind `http://` or `https://` in any case, -1 when the target begins otherwise. */
function behindScheme(bytes: Uint8Array, start: number, end: number): number {
  const plain = 'http://';
  const secure = 'https://';
  if (startsWith(bytes, start, end, plain)) return start + plain.length;
  if (startsWith(bytes, start, end, secure)) return start + secure.length;
  return -1;
}

function startsWith(bytes: Uint8Array, start: number, end: number, lower: string): boolean {
  if (end - start < lower.length) return false;
  for (let i = 0; i < lower.length; i++) {
    if (LOWER[bytes[start + i] ?? 0] !== lower.charCodeAt(i)) return false;
  }
  return true;
}
