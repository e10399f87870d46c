import { treeCpuUs } from '../cpu-time.ts';
import { runWrk, type WrkRun } from '../run-wrk.ts';
import type { RunningCandidate } from './candidates/candidate.ts';
import type { Measurement } from './measurement.ts';
import type { Schedule } from './settings.ts';

/** A candidate that takes part. */
export interface Entrant {
  readonly name: string;
  readonly running: RunningCandidate;
  /** File with the hosts that its requests name. */
  readonly hostsFile: string;
}

/** How to measure. */
export interface RoundOptions {
  readonly schedule: Schedule;
  readonly load: Pick<WrkRun, 'program' | 'path' | 'connections' | 'signal'>;
  readonly say: (line: string) => void;
}

/**
 * Measures all entrants in turn, several times over, so that a change of the machine's speed meets all of them. Each
 * round begins with another one.
 *
 * @returns the measurements of each entrant, by name, in the order of the rounds
 */
export async function measureRounds(
  entrants: readonly Entrant[],
  options: RoundOptions,
): Promise<ReadonlyMap<string, readonly Measurement[]>> {
  const { rounds } = options.schedule;
  const results = new Map(entrants.map(({ name }) => [name, [] as Measurement[]]));
  for (let round = 0; round < rounds; round += 1) {
    const first = round % entrants.length;
    for (const entrant of [...entrants.slice(first), ...entrants.slice(0, first)]) {
      const measurement = await measureOnce(entrant, options);
      results.get(entrant.name)?.push(measurement);
      options.say(`round ${round + 1}/${rounds}  ${progressText(entrant.name, measurement)}`);
    }
  }
  return results;
}

async function measureOnce(entrant: Entrant, options: RoundOptions): Promise<Measurement> {
  const { running, hostsFile } = entrant;
  const { schedule } = options;
  const load = { ...options.load, port: running.port, hostsFile };
  await runWrk({ ...load, seconds: schedule.settleSeconds });
  const before = await treeCpuUs(running.pid);
  const report = await runWrk({ ...load, seconds: schedule.measureSeconds });
  const cpuUs = (await treeCpuUs(running.pid)) - before;
  await running.afterRound?.();
  return { ...report, cpuUs };
}

function progressText(name: string, { requests, rps, p99Ms, ...rest }: Measurement): string {
  const cpu = requests === 0 ? '–' : (rest.cpuUs / requests).toFixed(1);
  const failed = rest.failedRequests === 0 ? '' : `  ${rest.failedRequests} FAILED`;
  return `${name.padEnd(17)} ${cpu} µs/request  ${Math.round(rps)} rps  p99 ${p99Ms.toFixed(2)} ms${failed}`;
}
