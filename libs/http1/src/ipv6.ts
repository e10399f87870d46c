import { HEX_VALUE } from './bytes.ts';

const GROUPS = 8;

/**
 * The one text form of an IPv6 address (RFC 5952: lower case, no leading zeros, the longest run of
 * zero groups shortened), so that no two spellings of an address are two hosts. Null when `text` is
 * no address. A dotted-quad tail is accepted and written in hexadecimal; zones are not accepted.
 */
export function canonicalIpv6(text: string): string | null {
  const gap = text.indexOf('::');
  if (gap === -1) {
    const groups = readGroups(text);
    return groups?.length === GROUPS ? writeGroups(groups) : null;
  }
  const head = gap === 0 ? [] : readGroups(text.substring(0, gap));
  const tail = gap + 2 === text.length ? [] : readGroups(text.substring(gap + 2));
  if (head === null || tail === null) return null;
  // A dotted quad may only end an address, not precede the gap.
  if (text.substring(0, gap).includes('.')) return null;
  const missing = GROUPS - head.length - tail.length;
  if (missing < 1) return null;
  return writeGroups([...head, ...new Array<number>(missing).fill(0), ...tail]);
}

/** Groups separated by single colons; the last one may be a dotted quad, which makes two. */
function readGroups(text: string): number[] | null {
  const groups: number[] = [];
  let start = 0;
  while (start <= text.length) {
    // Nine colons are already too many: stop before a long text makes a long list.
    if (groups.length > GROUPS) return null;
    const colon = text.indexOf(':', start);
    const end = colon === -1 ? text.length : colon;
    const part = text.substring(start, end);
    if (colon === -1 && part.includes('.')) {
      const quad = readQuad(part);
      if (quad === -1) return null;
      groups.push(Math.floor(quad / 65_536), quad % 65_536);
    } else {
      const group = readHex(part);
      if (group === -1) return null;
      groups.push(group);
    }
    start = end + 1;
  }
  return groups;
}

function readHex(text: string): number {
  if (text.length < 1 || text.length > 4) return -1;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = HEX_VALUE[text.charCodeAt(i)] ?? -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

/** Value of `a.b.c.d`, decimal without leading zeros; -1 when it is none. */
function readQuad(text: string): number {
  let value = 0;
  let octets = 0;
  let start = 0;
  while (start <= text.length) {
    const dot = text.indexOf('.', start);
    const end = dot === -1 ? text.length : dot;
    const octet = readOctet(text, start, end);
    octets++;
    if (octet === -1 || octets > 4) return -1;
    value = value * 256 + octet;
    start = end + 1;
  }
  return octets === 4 ? value : -1;
}

function readOctet(text: string, start: number, end: number): number {
  if (end === start || end - start > 3) return -1;
  if (end - start > 1 && text.charCodeAt(start) === 0x30) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value <= 255 ? value : -1;
}

function writeGroups(groups: readonly number[]): string {
  let runStart = -1;
  let runLength = 1; // A single zero group is not shortened (RFC 5952 section 4.2.2).
  for (let i = 0; i < GROUPS; i++) {
    let end = i;
    while (end < GROUPS && groups[end] === 0) end++;
    if (end - i > runLength) {
      runStart = i;
      runLength = end - i;
    }
    if (end > i) i = end - 1;
  }
  const written = groups.map((group) => group.toString(16));
  if (runStart === -1) return written.join(':');
  const before = written.slice(0, runStart).join(':');
  const after = written.slice(runStart + runLength).join(':');
  return `${before}::${after}`;
}
