import { LOWER, UNDERSCORE } from './bytes.ts';
import { IDENTITY_NAMES, IDENTITY_PREFIXES } from './identity-names.ts';
import { NameTable } from './name-table.ts';

// What the codec itself does with a header. Kinds above KIND_EXPECT never pass through: they are
// hop-by-hop (RFC 9110 section 7.6.1) or written anew (Host, Content-Length).

/** Any header without a meaning here. */
export const KIND_OTHER = 0;
export const KIND_EXPECT = 1;
export const KIND_HOST = 2;
export const KIND_CONTENT_LENGTH = 3;
export const KIND_TRANSFER_ENCODING = 4;
export const KIND_CONNECTION = 5;
export const KIND_UPGRADE = 6;
/** Hop-by-hop by its name. */
export const KIND_HOP = 7;
/** Hop-by-hop because a Connection option nominates it. */
export const KIND_NOMINATED = 8;

const KNOWN: readonly (readonly [string, number])[] = [
  ['expect', KIND_EXPECT],
  ['host', KIND_HOST],
  ['content-length', KIND_CONTENT_LENGTH],
  ['transfer-encoding', KIND_TRANSFER_ENCODING],
  ['connection', KIND_CONNECTION],
  ['upgrade', KIND_UPGRADE],
  ['keep-alive', KIND_HOP],
  ['proxy-connection', KIND_HOP],
  ['te', KIND_HOP],
  ['trailer', KIND_HOP],
  ['http2-settings', KIND_HOP],
  ['proxy-authenticate', KIND_HOP],
  ['proxy-authorization', KIND_HOP],
  ['proxy-authentication-info', KIND_HOP],
];

const knownNames = new NameTable(KNOWN.map(([name]) => name));
const knownKinds = Uint8Array.from([KIND_OTHER, ...KNOWN.map(([, kind]) => kind)]);

/**
 * The kind of the header name in `bytes[start, start + length)`, whose bucket is `key`.
 * @hot
 */
export function headerKind(bytes: Uint8Array, start: number, length: number, key: number): number {
  return knownKinds[knownNames.findInBytes(bytes, start, length, key)] ?? KIND_OTHER;
}

/** Names that decide how a message is delimited. */
const framingNames = new Set(['content-length', 'transfer-encoding']);

/** Names without aliases: those of identity, and what is hop-by-hop or changes the method. */
const protectedNames = new Set<string>([...IDENTITY_NAMES, 'keep-alive', 'x-http-method-override']);
const protectedPrefixes = [...IDENTITY_PREFIXES, 'proxy-'];

/**
 * Whether a name that contains `_` is an alias of a protected name once `_` counts as `-`. CGI,
 * WSGI and PHP fold both to one variable, so the alias would pass the edge and act behind it.
 * A response's names reach no such code: there only the framing names are protected.
 */
export function isUnderscoreAlias(
  bytes: Uint8Array,
  start: number,
  end: number,
  framingOnly: boolean,
): boolean {
  let name = '';
  for (let i = start; i < end; i++) {
    const byte = bytes[i] ?? 0;
    name += byte === UNDERSCORE ? '-' : String.fromCharCode(LOWER[byte] ?? 0);
  }
  if (framingNames.has(name)) return true;
  if (framingOnly) return false;
  return protectedNames.has(name) || protectedPrefixes.some((prefix) => name.startsWith(prefix));
}
