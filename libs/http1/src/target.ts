import { ASTERISK, LOWER, QUESTION, SLASH } from './bytes.ts';
import { HTTP1_FAULTS } from './faults.ts';
import type { Http1Fault } from './faults.ts';
import { PATH_PLAIN, PathCheck } from './path.ts';

/** Where the parts of a target lie, as offsets into the head; one per parser, reused. */
export class TargetParts {
  /** Authority of the absolute-form; equal positions when the target has none. */
  authorityStart = 0;
  authorityEnd = 0;
  /** Path; empty in absolute-form without one, and for `*`. */
  pathStart = 0;
  pathEnd = 0;
  /** `PATH_` flags of what the path holds. */
  pathFlags = PATH_PLAIN;
  readonly path = new PathCheck();
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
      parts.pathFlags = PATH_PLAIN;
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
  const fault = parts.path.run(bytes, pathStart, end);
  parts.pathEnd = parts.path.end - base;
  parts.pathFlags = parts.path.flags;
  return fault;
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
