import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeDocument, encodeDocument } from '@headgate/bus';
import { documentKey, type DocumentHeader } from '@headgate/model';
import type { WorkerDocument } from '../ipc/messages.ts';

// The last good configuration on disk, two generations of it:
//
//     base-7.snapshot      every document, then an end record; written aside, synced, renamed
//     journal-7.snapshot   what changed since, appended
//     base-6.snapshot, journal-6.snapshot    the generation before
//
// A record is `HG1 <bytes> <first 16 hex of their SHA-256>\n<bytes>\n`; the bytes are a document as on the bus. Records
// that are cut or changed are passed over. Generation 7 stands alone if its base has its end record and every record
// of it is sound; otherwise generation 6 fills the gaps.

const RECORD = /^HG1 (\d{1,9}) ([0-9a-f]{16})$/;
const END_KEY = 'end';
const END_BYTES_MAX = 20;

/** A journal of this size is folded into a new base, unless the base is larger still. */
const JOURNAL_BYTES_MIN = 1_048_576;

/** Result of reading the files. */
export interface LoadedSnapshots {
  readonly documents: ReadonlyMap<string, WorkerDocument>;
  /** Records that could not be used. */
  readonly damaged: number;
}

interface Generation {
  readonly records: readonly { readonly header: DocumentHeader; readonly body: string }[];
  readonly damaged: number;
  readonly complete: boolean;
}

/** The last good configuration of one edge in one directory. Calls are serialised; each resolves when it is on disk. */
export class SnapshotFiles {
  readonly #directory: string;
  #generation = 0;
  #baseBytes = 0;
  #journalBytes = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Reads what is there; an empty or missing directory is an empty configuration. */
  async load(): Promise<LoadedSnapshots> {
    await mkdir(this.#directory, { recursive: true });
    const generations = await this.#generations();
    const newest = generations.at(-1) ?? 0;
    this.#generation = newest;
    if (newest === 0) return { documents: new Map(), damaged: 0 };
    const current = await this.#read(newest);
    const read = [current];
    if (!current.complete || current.damaged > 0) {
      const before = generations.at(-2);
      if (before !== undefined) read.unshift(await this.#read(before));
    }
    return mergeGenerations(read);
  }

  /** Appends changes to the journal: documents, or deletions of keys. */
  append(documents: readonly WorkerDocument[]): Promise<void> {
    return this.#serialise(async () => {
      if (this.#generation === 0) await this.#writeBase([]);
      const bytes = Buffer.concat(documents.map(encodeRecord));
      const file = await open(this.#path('journal', this.#generation), 'a', 0o600);
      try {
        await file.appendFile(bytes);
        await file.datasync();
      } finally {
        await file.close();
      }
      this.#journalBytes += bytes.length;
    });
  }

  /** Whether the journal has grown enough for a new base. */
  get wantsCompaction(): boolean {
    return this.#journalBytes > Math.max(JOURNAL_BYTES_MIN, this.#baseBytes);
  }

  /** Writes all documents as a new generation and deletes those before the previous one. */
  compact(documents: readonly WorkerDocument[]): Promise<void> {
    return this.#serialise(() => this.#writeBase(documents));
  }

  #serialise(work: () => Promise<void>): Promise<void> {
    const run = this.#last.then(work);
    this.#last = run.catch(() => undefined); // the caller hears of it; the next call goes on
    return run;
  }

  async #writeBase(documents: readonly WorkerDocument[]): Promise<void> {
    const next = this.#generation + 1;
    const path = this.#path('base', next);
    const bytes = Buffer.concat([...documents.map(encodeRecord), endRecord(documents.length)]);
    const file = await open(`${path}.new`, 'w', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rm(this.#path('journal', next), { force: true });
    await rename(`${path}.new`, path);
    await syncDirectory(this.#directory);
    this.#generation = next;
    this.#baseBytes = bytes.length;
    this.#journalBytes = 0;
    for (const generation of await this.#generations()) {
      if (generation >= next - 1) continue;
      await rm(this.#path('base', generation), { force: true });
      await rm(this.#path('journal', generation), { force: true });
    }
  }

  async #generations(): Promise<number[]> {
    const numbers = (await readdir(this.#directory)).flatMap((name) => {
      const match = /^base-(\d{1,15})\.snapshot$/.exec(name);
      return match === null ? [] : [Number(match[1])];
    });
    return numbers.sort((a, b) => a - b);
  }

  async #read(generation: number): Promise<Generation> {
    const base = parseRecords(await readOrEmpty(this.#path('base', generation)));
    const journal = parseRecords(await readOrEmpty(this.#path('journal', generation)));
    return {
      records: [...base.records, ...journal.records],
      damaged: base.damaged + journal.damaged,
      complete: base.complete,
    };
  }

  #path(kind: 'base' | 'journal', generation: number): string {
    return join(this.#directory, `${kind}-${generation}.snapshot`);
  }
}

/** Newer revisions win; a deletion removes. */
function mergeGenerations(generations: readonly Generation[]): LoadedSnapshots {
  const newest = new Map<string, { header: DocumentHeader; body: string }>();
  let damaged = 0;
  for (const generation of generations) {
    damaged += generation.damaged + (generation.complete ? 0 : 1);
    for (const record of generation.records) {
      const key = documentKey(record.header.kind, record.header.id);
      const known = newest.get(key);
      if (known === undefined || record.header.revision >= known.header.revision) {
        newest.set(key, record);
      }
    }
  }
  const documents = new Map<string, WorkerDocument>();
  for (const [key, { header, body }] of newest) {
    if (!header.deleted) documents.set(key, { key, header, body });
  }
  return { documents, damaged };
}

function encodeRecord(document: WorkerDocument): Buffer {
  return frame(encodeDocument(document.header, document.body));
}

function endRecord(count: number): Buffer {
  return frame(Buffer.from(`${END_KEY} ${count}`));
}

function frame(bytes: Uint8Array): Buffer {
  const head = `HG1 ${bytes.length} ${checksum(bytes)}\n`;
  return Buffer.concat([Buffer.from(head), bytes, Buffer.from('\n')]);
}

function checksum(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}

function parseRecords(bytes: Buffer): Generation {
  const records: { header: DocumentHeader; body: string }[] = [];
  let damaged = 0;
  let complete = false;
  let position = 0;
  while (position < bytes.length) {
    const record = nextRecord(bytes, position);
    if (record === null) {
      // Damage: go on at the next line that looks like the start of a record.
      damaged += 1;
      const next = bytes.indexOf('\nHG1 ', position);
      if (next === -1) break;
      position = next + 1;
      continue;
    }
    position = record.end;
    const text = record.bytes.length <= END_BYTES_MAX ? record.bytes.toString('latin1') : '';
    if (text.startsWith(END_KEY)) {
      complete = text === `${END_KEY} ${records.length}`;
      continue;
    }
    const decoded = decodeDocument(record.bytes);
    if (decoded.ok) {
      const { header, body } = decoded.document;
      records.push({ header, body: Buffer.from(body).toString('utf8') });
    } else {
      damaged += 1;
    }
  }
  return { records, damaged, complete };
}

function nextRecord(bytes: Buffer, start: number): { bytes: Buffer; end: number } | null {
  const lineEnd = bytes.indexOf(10, start);
  if (lineEnd === -1 || lineEnd - start > 64) return null;
  const match = RECORD.exec(bytes.toString('latin1', start, lineEnd));
  if (match === null) return null;
  const end = lineEnd + 1 + Number(match[1]);
  const content = bytes.subarray(lineEnd + 1, end);
  if (bytes[end] !== 10 || checksum(content) !== match[2]) return null;
  return { bytes: content, end: end + 1 };
}

async function readOrEmpty(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      return Buffer.alloc(0);
    throw error;
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
