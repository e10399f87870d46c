import type { FuzzRandom } from '../fuzz-random.ts';

/** Cuts into single bytes are for inputs up to this size; longer ones get as many pieces. */
const SINGLE_BYTES_MAX = 600;

/** Cuts bytes into the writes in which they are sent; no reader's verdict may depend on it. */
export function splitAtRandom(bytes: Buffer, random: FuzzRandom): Buffer[] {
  const kind = random.int(4);
  if (kind === 0) return [bytes];
  if (kind === 1) return splitEvenly(bytes);
  if (kind === 2) return splitAtLineEnds(bytes);
  const cuts = Array.from({ length: 1 + random.int(6) }, () => random.int(bytes.length + 1));
  return cutAt(bytes, cuts.sort((a, b) => a - b)); // prettier-ignore
}

/** Byte by byte, or in {@link SINGLE_BYTES_MAX} pieces. */
export function splitEvenly(bytes: Buffer): Buffer[] {
  const pieceBytes = Math.max(1, Math.ceil(bytes.length / SINGLE_BYTES_MAX));
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    pieces.push(bytes.subarray(at, at + pieceBytes));
  }
  return pieces;
}

/** Between every CR and LF, and behind the LF. */
function splitAtLineEnds(bytes: Buffer): Buffer[] {
  const cuts: number[] = [];
  for (let at = bytes.indexOf('\r\n'); at !== -1; at = bytes.indexOf('\r\n', at + 1)) {
    cuts.push(at + 1, at + 2);
  }
  return cutAt(bytes, cuts);
}

/** Cuts at ascending offsets; empty pieces are left out. */
export function cutAt(bytes: Buffer, offsets: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  let from = 0;
  for (const to of [...offsets, bytes.length]) {
    if (to > from) pieces.push(bytes.subarray(from, to));
    from = Math.max(from, to);
  }
  return pieces;
}
