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

/** What work resolved with, and what part of the machine's time was stolen meanwhile. */
export interface Watched<Value> {
  readonly value: Value;
  readonly stolenPercent: number;
}

async function watchStolenTime<Value>(
  work: () => Promise<Value>,
  readTicks: typeof readMachineTicks,
): Promise<Watched<Value>> {
  const before = await readTicks();
  const value = await work();
  return { value, stolenPercent: stolenPercent(before, await readTicks()) };
}

/** Above this, in per cent, a measurement is taken again. */
export const STOLEN_PERCENT_MAX = 1;

/**
 * Measures, and again while too much time was stolen, as often as `mayRetake` allows.
 *
 * @param readTicks for tests
 * @returns the measurement that least was stolen from. What is measured has no part in the choice.
 */
export async function measureUndisturbed<Value>(
  measure: () => Promise<Value>,
  mayRetake: (disturbed: Watched<Value>) => boolean,
  readTicks: typeof readMachineTicks = readMachineTicks,
): Promise<Watched<Value>> {
  let best = await watchStolenTime(measure, readTicks);
  let last = best;
  while (best.stolenPercent > STOLEN_PERCENT_MAX && mayRetake(last)) {
    last = await watchStolenTime(measure, readTicks);
    if (last.stolenPercent < best.stolenPercent) best = last;
  }
  return best;
}
