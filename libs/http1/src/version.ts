import { isDigit } from './bytes.ts';

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
