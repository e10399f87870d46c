import { readdir, readFile } from 'node:fs/promises';

// CPU time of a process and all that descend from it, from Linux's /proc/PID/stat (proc(5)).
//
// A process that ends takes its own times along, but its parent, once it has waited for it, has them in cutime and
// cstime. The sum of all four over the living tree therefore never loses a worker that died.

/** Units of /proc: USER_HZ, 100 per second on every architecture that Node runs on. */
const TICK_US = 10_000;

/** What is read of a process. */
export interface ProcessTimes {
  readonly pid: number;
  readonly parentPid: number;
  /** utime + stime + cutime + cstime, in ticks. */
  readonly ticks: number;
}

/**
 * CPU time used so far by `rootPid` and its descendants, in µs; it moves in steps of 10 ms per process.
 *
 * @throws Error if the process does not run.
 */
export async function treeCpuUs(rootPid: number): Promise<number> {
  const names = await readdir('/proc');
  const pids = names.filter((name) => /^\d+$/.test(name));
  const texts = await Promise.all(pids.map((pid) => readStat(pid)));
  const processes = texts.flatMap((text) => (text === null ? [] : [parseStat(text)]));
  return sumTree(processes, rootPid) * TICK_US;
}

/** Reads a line of /proc/PID/stat. @throws Error if it is not one. */
export function parseStat(text: string): ProcessTimes {
  // The name is in parentheses and may hold anything, parentheses and spaces included.
  const nameEnd = text.lastIndexOf(')');
  const pid = Number.parseInt(text, 10);
  const fields = text.slice(nameEnd + 2).split(' ');
  const parentPid = Number(fields[1]);
  const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0);
  if (nameEnd === -1 || !Number.isSafeInteger(pid + parentPid + ticks)) {
    throw new Error(`not a line of /proc/PID/stat: ${text}`);
  }
  return { pid, parentPid, ticks };
}

/** Ticks of a process and all that descend from it. @throws Error if the process is not in the list. */
export function sumTree(processes: readonly ProcessTimes[], rootPid: number): number {
  const root = processes.find((process) => process.pid === rootPid);
  if (root === undefined) throw new Error(`process ${rootPid} does not run`);
  const children = Map.groupBy(processes, (process) => process.parentPid);
  const open = [root];
  let ticks = 0;
  for (let process = open.pop(); process !== undefined; process = open.pop()) {
    ticks += process.ticks;
    open.push(...(children.get(process.pid) ?? []));
  }
  return ticks;
}

async function readStat(pid: string): Promise<string | null> {
  try {
    return await readFile(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null; // it ended between the listing and the reading
  }
}
