import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';

const FILE = 'starts.json';
/** Enough to tell a loop; the file need not grow with it. */
const STARTS_MAX = 1000;

/**
 * Counts the starts of an edge that did not last, in a file of its data directory: whatever ends the whole process
 * (kill -9, the kernel out of memory) leaves the mark of its start behind.
 */
export class StartMarks {
  readonly #path: string;

  constructor(directory: string) {
    this.#path = join(directory, FILE);
  }

  /** Marks a start. Returns how many before it, in a row, did not last; a missing or damaged file says none. */
  async mark(): Promise<number> {
    const short = await this.#read();
    await this.#write(Math.min(short + 1, STARTS_MAX));
    return short;
  }

  /** This start has lasted, or ended in an orderly way. */
  clear(): Promise<void> {
    return this.#write(0);
  }

  async #read(): Promise<number> {
    try {
      const saved: unknown = JSON.parse(await readFile(this.#path, 'utf8'));
      return typeof saved === 'number' && Number.isInteger(saved) && saved >= 0 ? saved : 0;
    } catch {
      return 0;
    }
  }

  async #write(short: number): Promise<void> {
    const file = await open(`${this.#path}.new`, 'w', 0o600);
    try {
      await file.writeFile(JSON.stringify(short));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${this.#path}.new`, this.#path);
  }
}
