import { Buffer } from 'node:buffer';

// Character classes of RFC 9110 and RFC 9112 as tables, one load per byte. A table holds 1 for a
// member and 0 otherwise. The codec reads `table[bytes[i] ?? 0]`: the index is always inside the
// bounds, and if it ever were not, the byte would count as NUL, which no table admits.

export const HTAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;
export const QUOTE = 0x22;
export const PERCENT = 0x25;
export const ASTERISK = 0x2a;
export const COMMA = 0x2c;
export const DOT = 0x2e;
export const SLASH = 0x2f;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;
export const EQUALS = 0x3d;
export const QUESTION = 0x3f;
export const BACKSLASH = 0x5c;
export const UNDERSCORE = 0x5f;

const ALPHANUMERIC = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** `tchar` of RFC 9110 section 5.6.2: methods, header names, codings. */
export const TOKEN = tableOf((byte) => inText(byte, `!#$%&'*+-.^_\`|~${ALPHANUMERIC}`));

/** Field values and reason phrases: HTAB, SP, VCHAR and obs-text (RFC 9110 section 5.5). */
export const FIELD_VALUE = tableOf((byte) => byte === HTAB || (byte >= SP && byte !== 0x7f));

/**
 * Bytes of a request target: visible ASCII without `#` (never sent, RFC 9112 section 3.2) and `\`
 * (some servers take it for `/`).
 */
export const TARGET = tableOf((b) => b > SP && b < 0x7f && !inText(b, '#\\'));

/** Characters that mean the same escaped or not (RFC 3986 section 2.3). */
export const UNRESERVED = tableOf((byte) => inText(byte, `-._~${ALPHANUMERIC}`));

/** Bytes of a host name. Sub-delims and escapes, legal in a URI, name no real host: refused. */
export const HOST_NAME = tableOf((byte) => inText(byte, `-._${ALPHANUMERIC}`));

/** Text inside a quoted string, `"` and `\` excluded (RFC 9110 section 5.6.4). */
export const QUOTED_TEXT = tableOf(
  (byte) => FIELD_VALUE[byte] === 1 && byte !== QUOTE && byte !== BACKSLASH,
);

/** ASCII to lower case; every other byte maps to itself. */
export const LOWER = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte,
);

/** The same, and `_` to `-`: CGI, WSGI and PHP make one variable of both. */
export const FOLDED = LOWER.map((byte) => (byte === UNDERSCORE ? 0x2d : byte));

/** Value of a hexadecimal digit, -1 for any other byte. */
export const HEX_VALUE = Int8Array.from({ length: 256 }, (_, byte) =>
  '0123456789abcdef'.indexOf(String.fromCharCode(LOWER[byte] ?? 0)),
);

/** Whether a byte is one of 0-9. */
export function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/**
 * Whether `text[start, end)` equals `lower` without regard to ASCII case. `text` holds latin1 only.
 * @hot
 */
export function equalsLower(text: string, start: number, end: number, lower: string): boolean {
  const length = end - start;
  if (length !== lower.length) return false;
  for (let i = 0; i < length; i++) {
    if (LOWER[text.charCodeAt(start + i)] !== lower.charCodeAt(i)) return false;
  }
  return true;
}

/**
 * The bytes `[start, end)` as latin1 text: one character per byte, nothing lost.
 * @hot
 */
export function latin1Text(bytes: Uint8Array, start: number, end: number): string {
  // `latin1Slice` skips the argument checks of `toString('latin1')`, about 40 ns a head.
  return latin1Slice.call(bytes, start, end);
}

// Node gives every Buffer this method (its own toString calls it); it works on any Uint8Array.
// @types/node does not declare it.
const { latin1Slice } = Buffer.prototype as unknown as {
  latin1Slice: (this: Uint8Array, start: number, end: number) => string;
};

function inText(byte: number, text: string): boolean {
  return text.includes(String.fromCharCode(byte));
}

function tableOf(member: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (member(byte) ? 1 : 0));
}
