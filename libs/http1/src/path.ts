import { Buffer } from 'node:buffer';
import {
  BACKSLASH,
  DOT,
  HEX_VALUE,
  PERCENT,
  QUESTION,
  SEMICOLON,
  SLASH,
  TARGET,
  UNRESERVED,
  latin1Text,
} from './bytes.ts';
import { HTTP1_FAULTS } from './faults.ts';
import type { Http1Fault } from './faults.ts';

// Policy for paths (docs/adr/0009-path-normal-form.md). A route is chosen, and a credential checked,
// on exactly the path that is forwarded, and that is the request's path in normal form:
//   - an escape of an unreserved character becomes that character, the hexadecimal digits of all
//     other escapes become upper case (RFC 3986 section 6.2.2): `/%61dmin` is `/admin`;
//   - what another server could read as a different path is refused, not repaired: broken escapes,
//     escapes of `/`, `\` and control bytes (%2F %5C %00-%1F %7F); segments `.` and `..`, whether
//     literal, escaped or with a parameter (`..;x`); empty segments (`//`) other than the one that
//     a trailing slash makes: many servers merge slashes, so `//admin` would act as `/admin`.
// Escapes of reserved characters, parameters (`;x`) and double escapes (%252f) stay as they are;
// `pathReadings` tells what else a server may make of them. The query is forwarded as sent: it
// takes no part in finding a resource.

/** Neither escapes nor parameters: the path has one reading, and is in normal form as sent. */
export const PATH_PLAIN = 0;
/** The path has escapes. */
export const PATH_ESCAPED = 1;
/** The path has parameters. */
export const PATH_PARAMETERS = 2;

/** 1 for the few bytes that mean something in a path, so that all others cost one look. */
const SPECIAL = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte === SLASH || byte === PERCENT || byte === QUESTION || byte === DOT || byte === SEMICOLON
    ? 1
    : 0,
);

/** Result of {@link PathCheck.run}: one per parser, reused. */
export class PathCheck {
  /** Offset behind the path: of `?`, or of the end. */
  end = 0;
  /** `PATH_` flags of what the path holds. */
  flags = PATH_PLAIN;

  /**
   * Walks the segments of a path at `bytes[start, limit)`, whose bytes are all of class `TARGET` and
   * which is empty or begins with `/`. Null when it is acceptable. `dots` counts the dots, plain or
   * escaped, of the segment so far, and is negative once it holds anything else.
   * @hot
   */
  run(bytes: Uint8Array, start: number, limit: number): Http1Fault | null {
    let at = start;
    let segmentStart = start + 1;
    let dots = 0;
    let flags = PATH_PLAIN;
    for (; at < limit; at++) {
      let byte = bytes[at] ?? 0;
      if (SPECIAL[byte] === 0) {
        dots = -1;
        continue;
      }
      if (byte === QUESTION) break;
      if (byte === SLASH) {
        if (at === start) continue;
        if (at === segmentStart || dots > 0) return HTTP1_FAULTS.HG_HTTP_TARGET_SEGMENT;
        segmentStart = at + 1;
        dots = 0;
        continue;
      }
      if (byte === PERCENT) {
        byte = escapedByte(bytes, at, limit);
        if (byte < 0) return HTTP1_FAULTS.HG_HTTP_TARGET_ESCAPE;
        at += 2;
        flags |= PATH_ESCAPED;
      }
      if (byte === SEMICOLON) {
        if (dots > 0) return HTTP1_FAULTS.HG_HTTP_TARGET_SEGMENT;
        flags |= PATH_PARAMETERS;
      }
      if (byte !== DOT || dots === 2) dots = -1;
      else if (dots >= 0) dots++;
    }
    if (dots > 0) return HTTP1_FAULTS.HG_HTTP_TARGET_SEGMENT;
    this.end = at;
    this.flags = flags;
    return null;
  }
}

/** The byte that `%xx` at `at` stands for; -1 when it is broken or forbidden in a path. */
function escapedByte(bytes: Uint8Array, at: number, end: number): number {
  if (at + 2 >= end) return -1;
  const byte = hexByte(bytes[at + 1] ?? 0, bytes[at + 2] ?? 0);
  return byte < 0x20 || byte === SLASH || byte === BACKSLASH || byte === 0x7f ? -1 : byte;
}

/**
 * The normal form of a path that has been checked (RFC 3986 sections 6.2.2.1 and 6.2.2.2).
 * Applying it twice changes nothing: an escaped `%` stays escaped.
 */
export function normalPath(path: string): string {
  let normal = '';
  let kept = 0;
  for (let at = path.indexOf('%'); at !== -1; at = path.indexOf('%', at + 3)) {
    const byte = hexByte(path.charCodeAt(at + 1), path.charCodeAt(at + 2));
    normal += path.substring(kept, at);
    normal +=
      UNRESERVED[byte] === 1 ? String.fromCharCode(byte) : path.substring(at, at + 3).toUpperCase();
    kept = at + 3;
  }
  return normal + path.substring(kept);
}

/**
 * The normal form of a path from a configuration, by the rules for requests; null when a request
 * with it would be refused, or when it holds `?`, `#`, a space or anything beyond visible ASCII.
 */
export function canonicalPath(text: string): string | null {
  for (let i = 0; i < text.length; i++) {
    const character = text.charCodeAt(i);
    if (character > 0xff || TARGET[character] !== 1 || character === QUESTION) return null;
  }
  if (text.charCodeAt(0) !== SLASH) return null;
  const bytes = Buffer.from(text, 'latin1');
  const fault = new PathCheck().run(bytes, 0, bytes.length);
  return fault === null ? normalPath(latin1Text(bytes, 0, bytes.length)) : null;
}

/**
 * What servers may read a path in normal form as, other than itself: with the escapes of reserved
 * characters decoded (`/a%40b` → `/a@b`), and with parameters dropped, before or after decoding
 * (`/admin;x` → `/admin`, `/;x/admin` → `/admin`). A route must not depend on which it is.
 * Escapes of other bytes than visible ASCII and space stay. At most three, none equal to `path`.
 */
export function pathReadings(path: string): readonly string[] {
  const decoded = decodeAscii(path);
  const readings = new Set([
    decoded,
    decodeAscii(withoutParameters(path)),
    withoutParameters(decoded),
  ]);
  readings.delete(path);
  return [...readings];
}

function decodeAscii(path: string): string {
  if (!path.includes('%')) return path;
  return path.replace(/%([2-7][0-9A-F])/g, (escape, digits: string) => {
    const byte = hexByte(digits.charCodeAt(0), digits.charCodeAt(1));
    return byte === 0x7f ? escape : String.fromCharCode(byte);
  });
}

/** Cuts each segment at its first `;`; a segment of which nothing is left goes as a whole. */
function withoutParameters(path: string): string {
  if (!path.includes(';')) return path;
  const segments = path.split('/').slice(1);
  const last = segments.length - 1;
  const kept = segments
    .map((segment) => segment.split(';', 1)[0] ?? '')
    .filter((segment, i) => segment !== '' || i === last);
  return `/${kept.join('/')}`;
}

/** Value of two hexadecimal digits; negative when one of them is none. */
function hexByte(high: number, low: number): number {
  // -1 has all bits set, so a bad digit makes the whole negative.
  return ((HEX_VALUE[high] ?? -1) << 4) | (HEX_VALUE[low] ?? -1);
}
