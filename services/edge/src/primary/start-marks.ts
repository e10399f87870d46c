import { JsonFile } from './json-file.ts';

const FILE = 'starts.json';
/** Enough to tell a loop; the file need not grow with it. */
const STARTS_MAX = 1000;

/**
 * Counts the starts of an edge that did not last, in a file of its data directory: whatever ends the whole process
 * (kill -9, the kernel out of memory) leaves the mark of its start behind.
 */
export class StartMarks {
  readonly #file: JsonFile;

  constructor(directory: string) {
    this.#file = new JsonFile(directory, FILE);
  }

  /** Marks a start. Returns how many before it, in a row, did not last; a missing or damaged file says none. */
  async mark(): Promise<number> {
    const short = await this.#read();
    await this.#file.write(Math.min(short + 1, STARTS_MAX));
    return short;
  }

  /** This start has lasted, or ended in an orderly way. */
  clear(): Promise<void> {
    return this.#file.write(0);
  }

  async #read(): Promise<number> {
    const saved = await this.#file.read();
    return typeof saved === 'number' && Number.isInteger(saved) && saved >= 0 ? saved : 0;
  }
}
