import { readFileSync } from 'node:fs';
import { waitFor } from '@headgate/testkit';

/** Process ids of the workers of an edge whose primary is `primaryPid`. Linux only, like the tests that need it. */
export function workerPids(primaryPid: number): Promise<number[]> {
  return waitFor(
    () => {
      const text = readFileSync(`/proc/${primaryPid}/task/${primaryPid}/children`, 'utf8');
      const pids = text
        .trim()
        .split(' ')
        .filter((pid) => pid !== '')
        .map(Number);
      return pids.length > 0 ? pids : null;
    },
    { message: `workers of process ${primaryPid}` },
  );
}

/** Resident memory of a process in bytes. */
export function rssBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1]) * 1024;
}
