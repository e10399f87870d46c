import { runOpenLoop } from '../../open-loop/run-open-loop.ts';
import { treeCpuUs } from '../../process-tree.ts';
import type { RunningCandidate } from '../candidates/candidate.ts';
import { USUAL_CANDIDATES } from '../candidates/candidates.ts';
import { interleave, type Contender } from '../rounds.ts';
import { summarise, type Measured, type Round } from '../row.ts';
import {
  ACTIVE_TENANTS,
  RATE_CONNECTIONS,
  RATE_PER_SECOND,
  REQUEST_PATH,
  TENANTS,
  type Schedule,
} from '../settings.ts';
import type { Entrant } from '../shared-candidates.ts';
import type { Part, PartContext } from './part.ts';

/** The row without a proxy, which the others are compared with. */
const DIRECT = 'direct';

/** Latency at a fixed rate far below saturation: what a proxy adds to the way straight to the backend. */
export const rate: Part = {
  name: `rate-${RATE_PER_SECOND}`,
  mainFigure: 'addedP99Ms',
  candidates: USUAL_CANDIDATES,
  quick: ['headgate', 'haproxy'],
  run,
};

async function run(context: PartContext) {
  const { bench, candidates, shared, schedules, signal } = context;
  const entrants = await shared.get(candidates);
  const schedule = schedules.rate;
  const direct: Target = {
    name: DIRECT,
    description: 'no proxy: the generator straight to the backend, whose CPU time this is',
    running: { port: bench.backend.ports[0] ?? 0, pid: bench.backend.process.pid },
    hostsFile: await bench.hostsFile(TENANTS, ACTIVE_TENANTS),
  };
  const contenders = [direct, ...entrants].map(({ name, description, ...target }): Contender => {
    // The same arrivals for all in a round, others in the next.
    let seed = 0;
    const measure = (): Promise<Round> => measureOnce(target, schedule, seed++, signal);
    return { name, description, measure };
  });
  return summarise(rate, addedLatencies(await interleave(contenders, schedule.rounds, context)));
}

/** Who gets the load: a candidate or the backend. */
interface Target extends Omit<Entrant, 'running'> {
  readonly running: Pick<RunningCandidate, 'port' | 'pid' | 'afterRound'>;
}

async function measureOnce(
  { running, hostsFile }: Pick<Target, 'running' | 'hostsFile'>,
  { settleSeconds, measureSeconds }: Schedule,
  seed: number,
  signal: AbortSignal,
): Promise<Round> {
  const before = await treeCpuUs(running.pid);
  const { answered, measured, dropped, failed, ...latencies } = await runOpenLoop(
    {
      port: running.port,
      hostsFile,
      path: REQUEST_PATH,
      perSecond: RATE_PER_SECOND,
      connections: RATE_CONNECTIONS,
      settleSeconds,
      measureSeconds,
      seed,
    },
    signal,
  );
  const cpuUs = (await treeCpuUs(running.pid)) - before;
  await running.afterRound?.();
  return {
    ...latencies,
    requests: answered,
    failedRequests: failed + dropped,
    cpuUsPerRequest: cpuUs / answered,
    rps: measured / measureSeconds,
  };
}

/** What each round adds to the direct way of the same round. */
export function addedLatencies(measured: readonly Measured[]): readonly Measured[] {
  const direct = measured.find(({ name }) => name === DIRECT)?.rounds ?? [];
  return measured.map((candidate) => ({
    ...candidate,
    rounds: candidate.rounds.map((round, index) => ({
      ...round,
      addedP50Ms: (round.p50Ms ?? 0) - (direct[index]?.p50Ms ?? 0),
      addedP99Ms: (round.p99Ms ?? 0) - (direct[index]?.p99Ms ?? 0),
    })),
  }));
}
