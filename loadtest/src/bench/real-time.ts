import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Round robin with others of the same priority, see sched(7); what these start is scheduled as usual. */
const POLICY = ['--rr', '--reset-on-fork'];
const PRIORITY = '1';

/**
 * Lets the main threads of processes go before everything of usual priority, for good. Linux lets what runs keep its core
 * for more than 1 ms, whoever waits and however low its priority is; real-time priority ends that. Helper threads keep
 * their place: at the same priority a compiler would have its core for up to 100 ms.
 *
 * @returns how many could not be raised: the system refused, they have ended, or there is no `chrt`.
 */
export async function raiseToRealTime(pids: readonly number[]): Promise<number> {
  const raised = await Promise.allSettled(
    pids.map((pid) => run('chrt', [...POLICY, '--pid', PRIORITY, String(pid)])),
  );
  return raised.filter(({ status }) => status === 'rejected').length;
}

/** Arguments that start a program so, to be put before it. */
export function startInRealTime(): readonly string[] {
  return ['chrt', ...POLICY, PRIORITY];
}
