import { readdir, readFile, writeFile } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { processTree } from './process-tree.ts';

const LOW_PRIORITY = 19;
/** Linux refuses to change the priorities of two sessions within a tenth of a second. */
const SESSION_GAP_MS = 150;
/** How the system says that a process has ended. */
const ENDED: ReadonlySet<unknown> = new Set(['ENOENT', 'ESRCH']);
/** How it says that we may not: another user's process, or a /proc that is read only. */
const REFUSED: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM', 'EROFS']);

/**
 * Lets all other processes go before these and all that descend from them, for good. Linux shares time between sessions
 * first, if told to, and each has a priority of its own, proc_pid_autogroup(5): that of every process is lowered, too, as
 * each backend of PostgreSQL, for one, has a session of its own. Priority belongs to a thread, so that all of them are
 * lowered. What these start later inherits their priority but not that of a new session: a pool of connections has to be open
 * before.
 *
 * @returns how many processes could not be lowered, as the system refused.
 * @throws Error if one of the processes does not run.
 */
export async function lowerPriority(rootPids: readonly number[]): Promise<number> {
  const own = sessionOf(await autogroup('self'));
  let refused = 0;
  for (const pid of (await Promise.all(rootPids.map(processTree))).flat()) {
    const attempts: ('done' | 'refused')[] = [];
    for (const thread of await threadsOf(pid)) {
      attempts.push(await attempt(() => setPriority(thread, LOW_PRIORITY)));
    }
    const group = await autogroup(pid);
    // Ours would take this process along; one that is low already is that of a process before.
    if (group !== null && sessionOf(group) !== own && !group.endsWith(` nice ${LOW_PRIORITY}`)) {
      const write = () => writeFile(`/proc/${pid}/autogroup`, String(LOW_PRIORITY));
      attempts.push(await attempt(write));
      await sleep(SESSION_GAP_MS);
    }
    if (attempts.includes('refused')) refused += 1;
  }
  return refused;
}

async function attempt(change: () => Promise<void> | void): Promise<'done' | 'refused'> {
  try {
    await change();
    return 'done';
  } catch (error) {
    const code = codeOf(error);
    if (ENDED.has(code)) return 'done';
    if (REFUSED.has(code)) return 'refused';
    throw error;
  }
}

/** Ids of the threads of a process, on systems where they have priorities of their own. */
async function threadsOf(pid: number): Promise<readonly number[]> {
  try {
    return (await readdir(`/proc/${pid}/task`)).map(Number);
  } catch {
    return [pid];
  }
}

/** setPriority() of Node has the system's code in `info`. */
function codeOf(error: unknown): unknown {
  if (!(error instanceof Error)) return undefined;
  const { code, info } = error as NodeJS.ErrnoException & { readonly info?: { code?: unknown } };
  return info?.code ?? code;
}

/** Such as `/autogroup-123 nice 0`; null for a process that has ended, or where the system has no such groups. */
async function autogroup(pid: number | 'self'): Promise<string | null> {
  try {
    const text = (await readFile(`/proc/${pid}/autogroup`, 'latin1')).trim();
    return text === '' ? null : text;
  } catch {
    return null;
  }
}

function sessionOf(group: string | null): string | undefined {
  return group?.split(' ', 1)[0];
}
