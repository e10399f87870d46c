import { readFile } from 'node:fs/promises';

// On a virtual machine the host may give a core to somebody else while processes want it. Whatever is measured then, above
// all latency, tells about the host. Linux counts that time as `steal` in the first line of /proc/stat, proc_stat(5).

/** Position of `steal` among the numbers of the line; those behind it are part of others. */
const STEAL = 7;

/** CPU time of all cores since the start of the machine, in ticks. */
export interface MachineTicks {
  readonly stolen: number;
  /** Of any kind, idle time included. */
  readonly all: number;
}

/** Reads how much time there was; null where the system does not tell. */
export async function readMachineTicks(): Promise<MachineTicks | null> {
  try {
    return parseMachineTicks(await readFile('/proc/stat', 'latin1'));
  } catch {
    return null; // no Linux
  }
}

/** Takes the first line of /proc/stat; null if it is not as expected. */
export function parseMachineTicks(stat: string): MachineTicks | null {
  const [name, ...numbers] = (stat.split('\n', 1)[0] ?? '').split(/ +/);
  const ticks = numbers.slice(0, STEAL + 1).map(Number);
  const stolen = ticks[STEAL];
  const all = ticks.reduce((sum, some) => sum + some, 0);
  if (name !== 'cpu' || stolen === undefined || !Number.isSafeInteger(all)) return null;
  return { stolen, all };
}

/** What part of the time between two readings was stolen, in per cent; 0 where the system does not tell. */
export function stolenPercent(before: MachineTicks | null, after: MachineTicks | null): number {
  if (before === null || after === null || after.all <= before.all) return 0;
  return (100 * (after.stolen - before.stolen)) / (after.all - before.all);
}

/** A measurement, and what part of the machine's time was stolen meanwhile. */
export interface Watched<Value> {
  readonly value: Value;
  readonly stolenPercent: number;
}

/** Above this, in per cent, a measurement is taken again. */
export const STOLEN_PERCENT_MAX = 1;

/** One measurement is taken again so often at most. */
const RETAKES_MAX = 4;

/** What {@link Retakes} works with. */
export interface RetakesDeps {
  readonly say: (line: string) => void;
  /** Default: that of this machine. */
  readonly readTicks?: () => Promise<MachineTicks | null>;
}

/** Takes measurements again that too much time was stolen of, all together so often at most. */
export class Retakes {
  #left: number;
  readonly #say: (line: string) => void;
  readonly #readTicks: () => Promise<MachineTicks | null>;

  constructor(max: number, { say, readTicks = readMachineTicks }: RetakesDeps) {
    this.#left = max;
    this.#say = say;
    this.#readTicks = readTicks;
  }

  /** Returns the measurement that least was stolen of. What is measured has no part in the choice. */
  async measure<Value>(name: string, work: () => Promise<Value>): Promise<Watched<Value>> {
    let best = await this.#watch(work);
    let last = best;
    for (let again = 0; again < RETAKES_MAX && this.#left > 0; again += 1) {
      if (best.stolenPercent <= STOLEN_PERCENT_MAX) break;
      this.#left -= 1;
      this.#say(`${name}: ${last.stolenPercent.toFixed(1)} % of the time was stolen; once more`);
      last = await this.#watch(work);
      if (last.stolenPercent < best.stolenPercent) best = last;
    }
    return best;
  }

  async #watch<Value>(work: () => Promise<Value>): Promise<Watched<Value>> {
    const before = await this.#readTicks();
    const value = await work();
    return { value, stolenPercent: stolenPercent(before, await this.#readTicks()) };
  }
}
