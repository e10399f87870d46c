import { hash } from 'node:crypto';
import { decodeDocument } from '@headgate/bus';
import { DocumentHeader, Revision } from '@headgate/model';
import { z } from 'zod';
import { WireDocument } from '../ipc/wire-document.ts';

// Records of the files of an edge's configuration:
//
//     HG1 <bytes> <first 16 hex of their SHA-256>\n<bytes>\n
//
// where the bytes are one of
//
//     a document as on the bus
//     end <count>                            last in a base: so many documents before it
//     good\n[["tenant.a",12],…]              these revisions have served long enough
//     withdrawn\n{"header":{…},"reason":"…"} this revision ended workers; the good one before it serves

const RECORD = /^HG1 (\d{1,9}) ([0-9a-f]{16})$/;
const END = /^end (\d{1,9})$/;
const MARK = /^(good|withdrawn)\n/;
const END_BYTES_MAX = 20;
const MARK_BYTES = 10;

const GoodRevisions = z.array(z.tuple([z.string(), Revision]));
const Withdrawn = z.object({ header: DocumentHeader, reason: z.string() });

/** Key and revision of a document that has served long enough. */
export type GoodRevision = readonly [key: string, revision: number];

/** A revision that had to go because workers ended with it. */
export interface WithdrawnDocument {
  readonly header: DocumentHeader;
  readonly reason: string;
}

/** One record of a file. */
export type SnapshotRecord =
  | { readonly type: 'document'; readonly document: WireDocument }
  | { readonly type: 'good'; readonly revisions: readonly GoodRevision[] }
  | { readonly type: 'withdrawn'; readonly withdrawn: WithdrawnDocument };

/** What a file holds. */
export interface ParsedRecords {
  readonly records: readonly SnapshotRecord[];
  /** Places where the bytes are no record, or one that cannot be used. */
  readonly damaged: number;
  /** The end record is there and names as many documents as there are. */
  readonly complete: boolean;
}

/** A document as a record. */
export function documentRecord({ text }: WireDocument): Buffer {
  return frame(Buffer.from(text));
}

/** The last record of a base with `count` documents. */
export function endRecord(count: number): Buffer {
  return frame(Buffer.from(`end ${count}`));
}

/** Says that revisions, written earlier, are good. */
export function goodRecord(revisions: readonly GoodRevision[]): Buffer {
  return frame(Buffer.from(`good\n${JSON.stringify(revisions)}`));
}

/** Says that a revision does not serve. */
export function withdrawnRecord(withdrawn: WithdrawnDocument): Buffer {
  return frame(Buffer.from(`withdrawn\n${JSON.stringify(withdrawn)}`));
}

/** Reads all records that are whole; those that are cut or changed are passed over and counted. */
export function parseRecords(bytes: Buffer): ParsedRecords {
  const records: SnapshotRecord[] = [];
  let damaged = 0;
  let documents = 0;
  let complete = false;
  let position = 0;
  while (position < bytes.length) {
    const framed = nextFrame(bytes, position);
    if (framed === null) {
      // Damage: go on at the next line that looks like the start of a record.
      damaged += 1;
      const next = bytes.indexOf('\nHG1 ', position);
      if (next === -1) break;
      position = next + 1;
      continue;
    }
    position = framed.end;
    const end = framed.bytes.length > END_BYTES_MAX ? null : END.exec(framed.bytes.toString());
    if (end !== null) {
      complete = Number(end[1]) === documents;
      continue;
    }
    const record = decodeRecord(framed.bytes);
    if (record === null) damaged += 1;
    else records.push(record);
    if (record?.type === 'document') documents += 1;
  }
  return { records, damaged, complete };
}

function decodeRecord(bytes: Buffer): SnapshotRecord | null {
  const mark = MARK.exec(bytes.toString('latin1', 0, MARK_BYTES));
  if (mark !== null) return decodeMark(mark[1] ?? '', bytes.toString('utf8', mark[0].length));
  const decoded = decodeDocument(bytes);
  if (!decoded.ok) return null;
  return { type: 'document', document: WireDocument.received(decoded.document) };
}

function decodeMark(name: string, json: string): SnapshotRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return null;
  }
  if (name === 'good') {
    const revisions = GoodRevisions.safeParse(value);
    return revisions.success ? { type: 'good', revisions: revisions.data } : null;
  }
  const withdrawn = Withdrawn.safeParse(value);
  return withdrawn.success ? { type: 'withdrawn', withdrawn: withdrawn.data } : null;
}

function frame(bytes: Uint8Array): Buffer {
  const head = `HG1 ${bytes.length} ${checksum(bytes)}\n`;
  return Buffer.concat([Buffer.from(head), bytes, Buffer.from('\n')]);
}

function checksum(bytes: Uint8Array): string {
  return hash('sha256', bytes).slice(0, 16);
}

function nextFrame(bytes: Buffer, start: number): { bytes: Buffer; end: number } | null {
  const lineEnd = bytes.indexOf(10, start);
  if (lineEnd === -1 || lineEnd - start > 64) return null;
  const match = RECORD.exec(bytes.toString('latin1', start, lineEnd));
  if (match === null) return null;
  const end = lineEnd + 1 + Number(match[1]);
  const content = bytes.subarray(lineEnd + 1, end);
  if (bytes[end] !== 10 || checksum(content) !== match[2]) return null;
  return { bytes: content, end: end + 1 };
}
