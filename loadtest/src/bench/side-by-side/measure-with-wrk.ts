import { runWrk, type WrkRun } from '../run-wrk.ts';
import { readUse, useFigures } from './candidate-use.ts';
import type { RunningCandidate } from './candidate.ts';
import type { Round } from './row.ts';
import { CONNECTIONS, REQUEST_PATH, WARM_UP_PER_TENANT, type Schedule } from './settings.ts';

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
  settings: Omit<WrkRun, 'port' | 'hostsFile' | 'seconds'>,
  schedule: Schedule,
): Promise<Round> {
  const { settleSeconds, measureSeconds } = schedule;
  const load = { ...settings, port: running.port, hostsFile };
  if (settleSeconds > 0) await runWrk({ ...load, seconds: settleSeconds });
  const before = await readUse(running);
  const report = await runWrk({ ...load, seconds: measureSeconds });
  const after = await readUse(running);
  await running.afterRound?.();
  const { requests, rps, p50Ms, p99Ms, denied, failedRequests } = report;
  if (requests === 0) throw new Error(`no request was answered at port ${running.port}`);
  const figures = useFigures(before, after, { requests, seconds: requests / rps });
  const round = { requests, failedRequests, rps, p50Ms, p99Ms, ...figures };
  if (settings.expectsDenials !== true) return round;
  return { ...round, deniedPercent: (100 * denied) / requests };
}

/**
 * Loads a candidate until it has answered enough requests, counted: a fixed time would be too short for a slow one.
 *
 * @throws Error if it does not get there.
 */
export async function warmUp(
  { running, hostsFile }: Loaded,
  settings: Pick<WrkRun, 'program' | 'headers' | 'signal'>,
  requests: number,
  activeTenants: number,
): Promise<void> {
  const wanted = Math.max(requests, activeTenants * WARM_UP_PER_TENANT);
  const connections = CONNECTIONS;
  const { port } = running;
  const run = { ...settings, port, hostsFile, path: REQUEST_PATH, connections, seconds: 1 };
  let answered = 0;
  for (let runs = 0; answered < wanted; runs += 1) {
    if (runs === WARM_UP_RUNS_MAX) throw new Error(`${answered} answers in ${runs} s of warm-up`);
    answered += (await runWrk(run)).requests;
  }
  await running.afterRound?.();
}
