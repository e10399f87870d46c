import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { WireDocument } from '../ipc/wire-document.ts';
import { mergeGenerations, type Generation, type LoadedSnapshots } from './merge-generations.ts';
import {
  documentRecord,
  endRecord,
  goodRecord,
  parseRecords,
  withdrawnRecord,
  type GoodRevision,
  type WithdrawnDocument,
} from './snapshot-records.ts';

// The last good configuration on disk, two generations of it:
//
//     base-7.snapshot      every document that has proved itself, then an end record; written aside, synced, renamed
//     journal-7.snapshot   since then: documents in the order they came in force, what has proved itself, what had to go
//     base-6.snapshot, journal-6.snapshot    the generation before
//
// Records that are cut or changed are passed over. Generation 7 stands alone if its base has its end record and every
// record of it is sound; otherwise generation 6 fills the gaps.

/** A journal that has grown by this is folded into a new base, unless what was there is larger still. */
const JOURNAL_BYTES_MIN = 1_048_576;

/** Records of a new generation are made and written this many bytes at a time: the primary goes on in between. */
const WRITE_BYTES = 65_536;

/** What becomes of documents after they came in force. */
export interface Marks {
  readonly good: readonly GoodRevision[];
  readonly withdrawn: readonly WithdrawnDocument[];
}

/** What a new generation holds besides the documents that have proved themselves. */
export interface Unproven {
  /** In force, and not known to be good yet. */
  readonly fresh: readonly WireDocument[];
  readonly withdrawn: readonly WithdrawnDocument[];
}

const NO_MARKS: Marks = Object.freeze({ good: [], withdrawn: [] });
const ALL_PROVEN: Unproven = Object.freeze({ fresh: [], withdrawn: [] });

/** The last good configuration of one edge in one directory. Calls are serialised; each resolves when it is on disk. */
export class SnapshotFiles {
  readonly #directory: string;
  #generation = 0;
  #foldedBytes = 0;
  #grownBytes = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Reads what is there; an empty or missing directory is an empty configuration. */
  async load(): Promise<LoadedSnapshots> {
    await mkdir(this.#directory, { recursive: true });
    const generations = await this.#generations();
    this.#generation = generations.at(-1) ?? 0;
    const read: Generation[] = [];
    if (this.#generation > 0) read.push(await this.#read(this.#generation));
    const before = generations.at(-2);
    if (
      before !== undefined &&
      read.some(({ base, journal }) => !base.complete || base.damaged + journal.damaged > 0)
    ) {
      read.unshift(await this.#read(before));
    }
    return mergeGenerations(read);
  }

  /** Appends to the journal: documents, or deletions of keys, then what has become of these and earlier ones. */
  append(documents: readonly WireDocument[], marks: Marks = NO_MARKS): Promise<void> {
    return this.#serialise(async () => {
      if (this.#generation === 0) await this.#writeGeneration([], ALL_PROVEN);
      const records = documents.map(documentRecord);
      if (marks.good.length > 0) records.push(goodRecord(marks.good));
      records.push(...marks.withdrawn.map(withdrawnRecord));
      const bytes = Buffer.concat(records);
      const file = await open(this.#path('journal', this.#generation), 'a', 0o600);
      try {
        await file.appendFile(bytes);
        await file.datasync();
      } finally {
        await file.close();
      }
      this.#grownBytes += bytes.length;
    });
  }

  /** Whether the journal has grown enough for a new generation. */
  get wantsCompaction(): boolean {
    return this.#grownBytes > Math.max(JOURNAL_BYTES_MIN, this.#foldedBytes);
  }

  /** Writes all documents as a new generation and deletes those before the previous one. */
  compact(good: readonly WireDocument[], unproven: Unproven = ALL_PROVEN): Promise<void> {
    return this.#serialise(() => this.#writeGeneration(good, unproven));
  }

  #serialise(work: () => Promise<void>): Promise<void> {
    const run = this.#last.then(work);
    this.#last = run.catch(() => undefined); // the caller hears of it; the next call goes on
    return run;
  }

  async #writeGeneration(good: readonly WireDocument[], unproven: Unproven): Promise<void> {
    const next = this.#generation + 1;
    const path = this.#path('base', next);
    const { fresh, withdrawn } = unproven;
    // A journal without its base does not count, so it goes first.
    await rm(this.#path('journal', next), { force: true });
    let bytes = 0;
    if (fresh.length + withdrawn.length > 0) {
      bytes += await writeSynced(this.#path('journal', next), unprovenRecords(unproven));
    }
    bytes += await writeSynced(`${path}.new`, baseRecords(good));
    await rename(`${path}.new`, path);
    await syncDirectory(this.#directory);
    this.#generation = next;
    this.#foldedBytes = bytes;
    this.#grownBytes = 0;
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
    return { base, journal };
  }

  #path(kind: 'base' | 'journal', generation: number): string {
    return join(this.#directory, `${kind}-${generation}.snapshot`);
  }
}

function* baseRecords(good: readonly WireDocument[]): Generator<Buffer> {
  for (const document of good) yield documentRecord(document);
  yield endRecord(good.length);
}

function* unprovenRecords({ fresh, withdrawn }: Unproven): Generator<Buffer> {
  for (const document of fresh) yield documentRecord(document);
  for (const one of withdrawn) yield withdrawnRecord(one);
}

/** Returns how many bytes it wrote. */
async function writeSynced(path: string, records: Iterable<Buffer>): Promise<number> {
  const file = await open(path, 'w', 0o600);
  try {
    let written = 0;
    let waiting: Buffer[] = [];
    let waitingBytes = 0;
    const write = async () => {
      await file.appendFile(Buffer.concat(waiting));
      written += waitingBytes;
      waiting = [];
      waitingBytes = 0;
    };
    for (const record of records) {
      waiting.push(record);
      waitingBytes += record.length;
      if (waitingBytes >= WRITE_BYTES) await write();
    }
    await write();
    await file.sync();
    return written;
  } finally {
    await file.close();
  }
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
