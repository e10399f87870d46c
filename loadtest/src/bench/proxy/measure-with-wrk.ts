import { treeCpuUs } from '../process-tree.ts';
import { runWrk, type WrkRun } from '../run-wrk.ts';
import type { RunningCandidate } from './candidates/candidate.ts';
import type { Round } from './row.ts';
import { PROXY_CONNECTIONS, REQUEST_PATH, WARM_UP_PER_TENANT, type Schedule } from './settings.ts';

/** Runs of wrk after which a candidate counts as too slow to be warmed up. */
const WARM_UP_RUNS_MAX = 60;

/** A candidate that runs, and the file of the hosts that its requests name. */
export interface Loaded {
  readonly running: RunningCandidate;
  readonly hostsFile: string;
}

/**
 * One round of a candidate: a time of load that is thrown away, then one that counts.
 *
 * @throws Error if no request was answered, or the candidate is gone.
 */
export async function measureWithWrk(
  { running, hostsFile }: Loaded,
  settings: Pick<WrkRun, 'program' | 'path' | 'connections' | 'signal'>,
  schedule: Schedule,
): Promise<Round> {
  const { settleSeconds, measureSeconds } = schedule;
  const load = { ...settings, port: running.port, hostsFile };
  if (settleSeconds > 0) await runWrk({ ...load, seconds: settleSeconds });
  const before = await treeCpuUs(running.pid);
  const report = await runWrk({ ...load, seconds: measureSeconds });
  const cpuUs = (await treeCpuUs(running.pid)) - before;
  await running.afterRound?.();
  if (report.requests === 0) throw new Error(`no request was answered at port ${running.port}`);
  return { ...report, cpuUsPerRequest: cpuUs / report.requests };
}

/**
 * Loads a candidate until it has answered enough requests, counted: a fixed time would be too short for a slow one.
 *
 * @throws Error if it does not get there.
 */
export async function warmUp(
  { running, hostsFile }: Loaded,
  settings: Pick<WrkRun, 'program' | 'signal'>,
  requests: number,
  activeTenants: number,
): Promise<void> {
  const wanted = Math.max(requests, activeTenants * WARM_UP_PER_TENANT);
  const connections = PROXY_CONNECTIONS;
  const { port } = running;
  const run = { ...settings, port, hostsFile, path: REQUEST_PATH, connections, seconds: 1 };
  let answered = 0;
  for (let runs = 0; answered < wanted; runs += 1) {
    if (runs === WARM_UP_RUNS_MAX) throw new Error(`${answered} answers in ${runs} s of warm-up`);
    answered += (await runWrk(run)).requests;
  }
  await running.afterRound?.();
}
