import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';

/** A small file of the data directory that holds one JSON value, readable by its owner only. */
export class JsonFile {
  readonly #path: string;
  #writing: Promise<void> = Promise.resolve();

  constructor(directory: string, name: string) {
    this.#path = join(directory, name);
  }

  /** What was written last, to be checked by the caller; `undefined` if the file is missing, unreadable or damaged. */
  async read(): Promise<unknown> {
    try {
      return JSON.parse(await readFile(this.#path, 'utf8'));
    } catch {
      return undefined;
    }
  }

  /**
   * Replaces the file as a whole, after the writes before this one: whatever interrupts it, the old content or the new one
   * is there. @throws when the disk refuses.
   */
  write(value: unknown): Promise<void> {
    const before = this.#writing.catch(() => undefined); // told to its own caller
    this.#writing = before.then(() => this.#replace(JSON.stringify(value)));
    return this.#writing;
  }

  async #replace(content: string): Promise<void> {
    const file = await open(`${this.#path}.new`, 'w', 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${this.#path}.new`, this.#path);
  }
}
