import type { Clock } from '@headgate/runtime';
import type { WireDocument } from '../ipc/wire-document.ts';
import type { SnapshotFiles, Unproven } from './snapshot-files.ts';
import type { WithdrawnDocument } from './snapshot-records.ts';

/** What a writer works with. */
export interface SnapshotWriterDeps {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly files: SnapshotFiles;
  /** Everything as it is now, for a new generation. */
  readonly everything: () => {
    readonly good: readonly WireDocument[];
    readonly unproven: Unproven;
  };
  /** Writing fails; it is tried again until it works, and then this may be called again. */
  readonly onDiskError: (error: unknown) => void;
}

const DISK_DELAY_MS = 100;
/** While changes follow each other closely writes begin at least this far apart: opening, syncing and closing costs more than what is written. */
const DISK_GAP_MS = 500;
const DISK_RETRY_MS = 10_000;

/**
 * Carries changes of the configuration to the disk, a tenth of a second later, in a stream of changes half a second, and
 * several at once. Of a document that changes meanwhile only the newest revision is written, so what waits is bounded by
 * the documents there are.
 */
export class SnapshotWriter {
  readonly #deps: SnapshotWriterDeps;
  #documents = new Map<string, WireDocument>();
  #good = new Map<string, number>();
  #withdrawn = new Map<string, WithdrawnDocument>();
  #timer: NodeJS.Timeout | null = null;
  /** When something was last written; monotonic. */
  #writtenMs = -Infinity;
  /** The next write is of everything: the first one, and one after a failure, which may have torn the journal. */
  #rewrite = false;
  #failing = false;
  #writing: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(deps: SnapshotWriterDeps) {
    this.#deps = deps;
  }

  /** A document is in force, or deleted. */
  write(document: WireDocument): void {
    // That the revision before it is good has to stand in the journal before this one does.
    if (this.#good.has(document.key)) void this.flush();
    this.#documents.set(document.key, document);
    this.#schedule(DISK_DELAY_MS);
  }

  /** A revision has proved itself. */
  writeGood(key: string, revision: number): void {
    this.#good.set(key, revision);
    this.#schedule(DISK_DELAY_MS);
  }

  /** A revision does not serve any more. */
  writeWithdrawn(key: string, withdrawn: WithdrawnDocument): void {
    this.#withdrawn.set(key, withdrawn);
    void this.flush(); // it must not serve again if the edge ends now
  }

  /** Starts a new generation. */
  writeEverything(): void {
    this.#rewrite = true;
    this.#schedule(DISK_DELAY_MS);
  }

  /** Writes what waits, now; resolves when that, and what was being written, is on the disk or has failed. */
  async flush(): Promise<void> {
    this.#writing = Promise.all([this.#writing, this.#write()]);
    await this.#writing;
  }

  async #write(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const documents = [...this.#documents.values()];
    const marks = { good: [...this.#good], withdrawn: [...this.#withdrawn.values()] };
    this.#documents = new Map();
    this.#good = new Map();
    this.#withdrawn = new Map();
    const rewrite = this.#rewrite;
    this.#rewrite = false;
    const count = documents.length + marks.good.length + marks.withdrawn.length;
    if (count === 0 && !rewrite) return;
    const { files, everything, clock } = this.#deps;
    this.#writtenMs = clock.monotonicMs();
    try {
      if (!rewrite) await files.append(documents, marks);
      if (rewrite || files.wantsCompaction) {
        const { good, unproven } = everything();
        await files.compact(good, unproven);
      }
      this.#failing = false;
    } catch (error) {
      this.#rewrite = true;
      // Retries go on until there is space; one call tells of it.
      if (!this.#failing) this.#deps.onDiskError(error);
      this.#failing = true;
      this.#schedule(DISK_RETRY_MS);
    }
  }

  /** Writes what waits; afterwards nothing is written any more. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.flush();
  }

  #schedule(delayMs: number): void {
    if (this.#closed || this.#timer !== null) return;
    const gapMs = this.#writtenMs + DISK_GAP_MS - this.#deps.clock.monotonicMs();
    this.#timer = setTimeout(() => void this.flush(), Math.max(delayMs, gapMs));
  }
}
