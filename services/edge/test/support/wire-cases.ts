import { readFileSync } from 'node:fs';
import { createSeededRandom } from '@headgate/testkit';

/** What a case expects; see the fields of `libs/http1/test-data/cases.json`. */
export interface WireExpectation {
  readonly status: number | string | readonly (number | string)[];
  readonly conn?: 'close' | 'keep' | 'any';
  /** Complete requests that the backend may see. */
  readonly backend?: number | string;
}

/** One case: bytes of a client or of a backend, and what the edge has to make of them. */
export interface WireCase {
  readonly id: string;
  readonly group: string;
  readonly side: 'client' | 'backend';
  readonly title: string;
  readonly bytes: string;
  readonly expect: WireExpectation;
  /** For backend cases: what the client asks. */
  readonly request?: string;
  /** Needs another listener or protocol. */
  readonly listener?: string;
  readonly front?: string;
}

/** The cases that came with the requirements, and those derived from the RFCs. */
const FILES = {
  given: new URL('../../../../libs/http1/test-data/cases.json', import.meta.url),
  derived: new URL('../data/derived-cases.json', import.meta.url),
};

/** All cases of a file. */
export function readWireCases(file: keyof typeof FILES): readonly WireCase[] {
  return JSON.parse(readFileSync(FILES[file], 'utf8')) as WireCase[]; // a file of this repository
}

/** Writes out `{{X*N}}`, innermost first. */
export function expandBytes(text: string): Buffer {
  let expanded = text;
  for (;;) {
    const next = expanded.replace(/\{\{([^{}]*)\*(\d+)\}\}/g, (_, piece: string, count: string) =>
      piece.repeat(Number(count)),
    );
    if (next === expanded) return Buffer.from(expanded, 'latin1');
    expanded = next;
  }
}

/** Most writes that a case is cut into. */
const PIECES_MAX = 2000;

/** Ways to cut bytes into writes; the verdict must not depend on it. */
export const SPLITS: Readonly<Record<string, (bytes: Buffer) => Buffer[]>> = {
  'one write': (bytes) => [bytes],
  'byte by byte': (bytes) => {
    // Long ones in larger pieces: their length is what matters.
    const pieceBytes = Math.max(1, Math.ceil(bytes.length / PIECES_MAX));
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      pieces.push(bytes.subarray(at, at + pieceBytes));
    }
    return pieces;
  },
  'at every CRLF': (bytes) => {
    const pieces: Buffer[] = [];
    let from = 0;
    for (let at = bytes.indexOf('\r\n'); at !== -1; at = bytes.indexOf('\r\n', at + 1)) {
      pieces.push(bytes.subarray(from, at + 1)); // between CR and LF, and after LF
      pieces.push(bytes.subarray(at + 1, at + 2));
      from = at + 2;
    }
    if (from < bytes.length) pieces.push(bytes.subarray(from));
    return pieces;
  },
  'at random points': (bytes) => {
    const random = createSeededRandom(bytes.length);
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length;) {
      // Mostly a few bytes, at times the rest: squared twice, small draws are common.
      const end = at + 1 + Math.floor(random.next() ** 4 * (bytes.length - at));
      pieces.push(bytes.subarray(at, end));
      at = end;
    }
    return pieces.length <= PIECES_MAX ? pieces : [bytes];
  },
};
