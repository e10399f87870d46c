import { isConsumerKey, type QuotaMark } from '@headgate/limiting';
import { BoundedMap, type Clock } from '@headgate/runtime';
import { JsonFile } from './json-file.ts';

const FILE = 'quotas.json';
/** Between two writes. */
const SAVE_MS = 1000;

/** Quotas kept, and quotas of consumers, apart: who comes from ever new addresses pushes out only others like him. Some 3 MB. */
const MARKS_MAX = 20_000;
const CONSUMER_MARKS_MAX = 5000;

/**
 * What is known to be used of calendar quotas, in a file of the data directory: a restart of the edge doesn't forget it,
 * even if Redis has lost its data meanwhile. See docs/adr/0016.
 */
export class QuotaLedger {
  readonly #file: JsonFile;
  readonly #clock: Clock;
  readonly #marks = new BoundedMap<string, QuotaMark>(MARKS_MAX);
  readonly #ofConsumers = new BoundedMap<string, QuotaMark>(CONSUMER_MARKS_MAX);
  #isSaved = true;
  #saving: Promise<void> = Promise.resolve();

  constructor(directory: string, clock: Clock) {
    this.#file = new JsonFile(directory, FILE);
    this.#clock = clock;
  }

  /** Reads what an earlier run knew; a missing or damaged file is no fault. */
  async restore(): Promise<void> {
    const saved = await this.#file.read();
    if (!Array.isArray(saved)) return;
    this.add(saved.slice(0, MARKS_MAX + CONSUMER_MARKS_MAX).filter(isMark));
  }

  /** Marks of periods that have not ended. */
  marks(): QuotaMark[] {
    const nowMs = this.#clock.nowMs();
    const all = [...this.#marks.values(), ...this.#ofConsumers.values()];
    return all.filter(({ endMs }) => endMs > nowMs);
  }

  /**
   * A later period replaces an earlier one; within a period usage only rises. A period that has not begun is of a clock
   * that was ahead for a while: it is not believed, nor may it keep out what comes after it.
   */
  add(marks: readonly QuotaMark[]): void {
    const nowMs = this.#clock.nowMs();
    for (const mark of marks) {
      const kept = isConsumerKey(mark.key) ? this.#ofConsumers : this.#marks;
      const known = kept.get(mark.key);
      if (mark.startMs > nowMs) continue;
      if (known !== undefined && known.startMs > mark.startMs && known.startMs <= nowMs) continue;
      if (known?.startMs === mark.startMs && known.used >= mark.used) continue;
      kept.set(mark.key, mark);
      this.#isSaved = false;
    }
  }

  /** Writes the file if something has changed; resolves when all that was known at the call is on the disk. */
  save(): Promise<void> {
    if (!this.#isSaved) {
      this.#isSaved = true;
      this.#saving = this.#write();
    }
    return this.#saving;
  }

  /** Saves once a second until the function that is returned is called, which saves a last time. Neither rejects. */
  saveRegularly(onError: (error: unknown) => void): () => Promise<void> {
    const timer = setInterval(() => void this.save().catch(onError), SAVE_MS);
    return () => {
      clearInterval(timer);
      return this.save().catch(onError);
    };
  }

  async #write(): Promise<void> {
    try {
      await this.#file.write(this.marks());
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
