import { COLON, DOT, HOST_NAME, LOWER, isDigit } from './bytes.ts';
import { canonicalIpv6 } from './ipv6.ts';

/** Longest host name and longest label in bytes (RFC 1035 section 2.3.4). */
const HOST_BYTES_MAX = 253;
const LABEL_BYTES_MAX = 63;

/** A canonical host and its port as sent (`:8080` or ''). */
export interface HostAndPort {
  readonly host: string;
  readonly port: string;
}

/**
 * Reads `host [":" port]` into the one form under which a tenant is looked up; null when it is
 * malformed. Names are letters, digits, `-`, `_` and dots without empty labels; one trailing dot
 * is dropped. User information, escapes, bytes above 0x7f (an internationalised name arrives as
 * punycode), an empty port, a port above 65535 or with leading zeros, and IPv6 zones are malformed.
 * Allocates; parsers remember the last result of a connection.
 */
export function parseHost(text: string): HostAndPort | null {
  if (text.startsWith('[')) {
    const close = text.indexOf(']');
    const address = close === -1 ? null : canonicalIpv6(text.substring(1, close));
    if (address === null || !isPort(text, close + 1)) return null;
    return { host: `[${address}]`, port: text.substring(close + 1) };
  }
  const colon = text.indexOf(':');
  const portStart = colon === -1 ? text.length : colon;
  if (!isPort(text, portStart)) return null;
  const end = text.charCodeAt(portStart - 1) === DOT ? portStart - 1 : portStart;
  if (!isHostName(text, end)) return null;
  return { host: lowerCase(text, end), port: text.substring(portStart) };
}

/** Whether `text[0, end)` is a host name without a trailing dot. */
function isHostName(text: string, end: number): boolean {
  if (end <= 0 || end > HOST_BYTES_MAX) return false;
  let labelStart = 0;
  for (let i = 0; i < end; i++) {
    const byte = text.charCodeAt(i);
    if (HOST_NAME[byte] !== 1) return false;
    if (byte !== DOT) continue;
    if (i === labelStart || i - labelStart > LABEL_BYTES_MAX) return false;
    labelStart = i + 1;
  }
  return end !== labelStart && end - labelStart <= LABEL_BYTES_MAX;
}

/** Whether `text` from `start` on is empty or a colon and a port from 1 to 65535. */
function isPort(text: string, start: number): boolean {
  if (start === text.length) return true;
  const digits = text.length - start - 1;
  if (text.charCodeAt(start) !== COLON || digits < 1 || digits > 5) return false;
  let port = 0;
  for (let i = start + 1; i < text.length; i++) {
    const byte = text.charCodeAt(i);
    if (!isDigit(byte)) return false;
    port = port * 10 + (byte - 0x30);
    if (port === 0) return false;
  }
  return port <= 65_535;
}

function lowerCase(text: string, end: number): string {
  let lower = '';
  for (let i = 0; i < end; i++) lower += String.fromCharCode(LOWER[text.charCodeAt(i)] ?? 0);
  return lower;
}
