import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { QuotaMark } from '@headgate/limiting';
import { BoundedMap, type Clock } from '@headgate/runtime';

const FILE = 'quotas.json';

/** Quotas kept; a file of some 2 MB. */
const MARKS_MAX = 20_000;

/**
 * What is known to be used of calendar quotas, in a file of the data directory: a restart of the edge doesn't forget it,
 * even if Redis has lost its data meanwhile. See docs/adr/0016.
 */
export class QuotaLedger {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #marks = new BoundedMap<string, QuotaMark>(MARKS_MAX);
  #isSaved = true;

  constructor(directory: string, clock: Clock) {
    this.#path = join(directory, FILE);
    this.#clock = clock;
  }

  /** Reads what an earlier run knew; a missing or damaged file is no fault. */
  async restore(): Promise<void> {
    let saved: unknown;
    try {
      saved = JSON.parse(await readFile(this.#path, 'utf8'));
    } catch {
      return;
    }
    if (Array.isArray(saved)) this.add(saved.slice(0, MARKS_MAX).filter(isMark));
  }

  /** Marks of periods that have not ended. */
  marks(): QuotaMark[] {
    const nowMs = this.#clock.nowMs();
    return Array.from(this.#marks.entries(), ([, mark]) => mark).filter(
      ({ endMs }) => endMs > nowMs,
    );
  }

  /** A later period replaces an earlier one; within a period usage only rises. */
  add(marks: readonly QuotaMark[]): void {
    for (const mark of marks) {
      const known = this.#marks.get(mark.key);
      if (known !== undefined && known.startMs > mark.startMs) continue;
      if (known?.startMs === mark.startMs && known.used >= mark.used) continue;
      this.#marks.set(mark.key, mark);
      this.#isSaved = false;
    }
  }

  /** Writes the file if something has changed. */
  async save(): Promise<void> {
    if (this.#isSaved) return;
    this.#isSaved = true;
    try {
      const file = await open(`${this.#path}.new`, 'w', 0o600);
      try {
        await file.writeFile(JSON.stringify(this.marks()));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(`${this.#path}.new`, this.#path);
    } catch (error) {
      this.#isSaved = false;
      throw error;
    }
  }
}

function isMark(value: unknown): value is QuotaMark {
  if (typeof value !== 'object' || value === null) return false;
  const { key, startMs, endMs, used } = value as Partial<Record<keyof QuotaMark, unknown>>;
  return typeof key === 'string' && [startMs, endMs, used].every(isCount);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
