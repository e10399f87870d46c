import { readdir, readFile } from 'node:fs/promises';

// CPU time and memory of a process and all that descend from it, from Linux's /proc (proc(5)).
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
  const tree = treeOf(await listProcesses(), rootPid);
  return tree.reduce((sum, { ticks }) => sum + ticks, 0) * TICK_US;
}

/** CPU time used so far by several trees together, in ms. @throws Error if one of the processes does not run. */
export async function treesCpuMs(rootPids: readonly number[]): Promise<number> {
  const used = await Promise.all(rootPids.map(treeCpuUs));
  return used.reduce((sum, us) => sum + us, 0) / 1000;
}

/**
 * `rootPid` and all that descend from it.
 *
 * @throws Error if the process does not run.
 */
export async function processTree(rootPid: number): Promise<number[]> {
  return treeOf(await listProcesses(), rootPid).map(({ pid }) => pid);
}

/**
 * Resident memory (RSS) of `rootPid` and its descendants, in bytes. Pages that they share count once for each, so the
 * difference of two readings tells more than either.
 *
 * @throws Error if the process does not run.
 */
export async function treeRssBytes(rootPid: number): Promise<number> {
  const tree = treeOf(await listProcesses(), rootPid);
  const texts = await Promise.all(tree.map(({ pid }) => readProc(pid, 'status')));
  return texts.reduce((sum, text) => sum + (text === null ? 0 : parseRssBytes(text)), 0);
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

/** Resident bytes from the text of /proc/PID/status; 0 for a process that is ending and has none left. */
export function parseRssBytes(text: string): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(text);
  return match === null ? 0 : Number(match[1]) * 1024;
}

/** A process and all that descend from it. @throws Error if the process is not in the list. */
export function treeOf(
  processes: readonly ProcessTimes[],
  rootPid: number,
): readonly ProcessTimes[] {
  const root = processes.find((process) => process.pid === rootPid);
  if (root === undefined) throw new Error(`process ${rootPid} does not run`);
  const children = Map.groupBy(processes, (process) => process.parentPid);
  const tree: ProcessTimes[] = [];
  const open = [root];
  for (let process = open.pop(); process !== undefined; process = open.pop()) {
    tree.push(process);
    open.push(...(children.get(process.pid) ?? []));
  }
  return tree;
}

async function listProcesses(): Promise<readonly ProcessTimes[]> {
  const names = await readdir('/proc');
  const pids = names.filter((name) => /^\d+$/.test(name));
  const texts = await Promise.all(pids.map((pid) => readProc(pid, 'stat')));
  return texts.flatMap((text) => (text === null ? [] : [parseStat(text)]));
}

async function readProc(pid: string | number, file: string): Promise<string | null> {
  try {
    return await readFile(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return null; // it ended between the listing and the reading
  }
}
