import { runOpenLoop } from '../../open-loop/run-open-loop.ts';
import { addedLatencies } from '../../side-by-side/added-latencies.ts';
import { ownCores, pinTo, splitCores, startOn } from '../../cpu-cores.ts';
import { treeCpuUs } from '../../process-tree.ts';
import type { RunningCandidate } from '../../side-by-side/candidate.ts';
import { USUAL_CANDIDATES } from '../candidates/candidates.ts';
import { interleave, type Contender } from '../../side-by-side/rounds.ts';
import { summarise, type Round } from '../../side-by-side/row.ts';
import {
  ACTIVE_TENANTS,
  REQUEST_PATH,
  TENANTS,
  type Schedule,
} from '../../side-by-side/settings.ts';
import { RATE_CONNECTIONS, RATE_PER_SECOND } from '../settings.ts';
import type { Entrant } from '../../side-by-side/shared-candidates.ts';
import { PROXY_BASELINES, type ProxyContext, type ProxyPart } from './proxy-part.ts';

/** The row without a proxy, which the others are compared with. */
const DIRECT = 'direct';

/**
 * Latency at a fixed rate far below saturation: what a proxy adds to the way straight to the backend. The generator has a
 * core for itself: it never sleeps, and a process that had to share its core would wait for a time slice.
 */
export const rate: ProxyPart = {
  name: `rate-${RATE_PER_SECOND}`,
  mainFigure: 'addedP99Ms',
  baselines: PROXY_BASELINES,
  candidates: USUAL_CANDIDATES,
  quick: ['headgate', 'haproxy'],
  run,
};

async function run(context: ProxyContext) {
  const { bench, candidates, shared, schedules, signal } = context;
  const entrants = await shared.get(candidates);
  const schedule = schedules.rate;
  const direct: Target = {
    name: DIRECT,
    description: 'no proxy: the generator straight to the backend, whose CPU time this is',
    running: { port: bench.backend.ports[0] ?? 0, pid: bench.backend.process.pid },
    hostsFile: await bench.hostsFile(TENANTS, ACTIVE_TENANTS),
  };
  const split = await splitCores();
  const startBy = split === null ? [] : startOn(split.generator);
  const contenders = [direct, ...entrants].map(({ name, description, ...target }): Contender => {
    // The same arrivals for all in a round, others in the next.
    let seed = 0;
    const measure = (): Promise<Round> =>
      measureOnce(target, schedule, seed++, { signal, startBy });
    return { name, description, measure };
  });
  const pids = [direct, ...entrants].map(({ running }) => running.pid);
  if (split === null) context.say('the generator shares its core with what it measures');
  try {
    if (split !== null) await pinTo(split.others, pids);
    const measured = await interleave(contenders, schedule.rounds, context);
    return summarise(rate, addedLatencies(measured, DIRECT));
  } finally {
    if (split !== null) await pinTo(await ownCores(), pids); // other parts measure them, too
  }
}

/** Who gets the load: a candidate or the backend. */
interface Target extends Omit<Entrant, 'running'> {
  readonly running: Pick<RunningCandidate, 'port' | 'pid' | 'afterRound'>;
}

async function measureOnce(
  { running, hostsFile }: Pick<Target, 'running' | 'hostsFile'>,
  { settleSeconds, measureSeconds }: Schedule,
  seed: number,
  { signal, startBy }: { readonly signal: AbortSignal; readonly startBy: readonly string[] },
): Promise<Round> {
  const before = await treeCpuUs(running.pid);
  const report = await runOpenLoop(
    {
      ports: [running.port],
      hostsFile,
      path: REQUEST_PATH,
      perSecond: RATE_PER_SECOND,
      connections: RATE_CONNECTIONS,
      settleSeconds,
      measureSeconds,
      seed,
    },
    signal,
    startBy,
  );
  const { answered, measured, dropped, failed } = report;
  const { p50Ms, p99Ms, p99FromScheduleMs, latenessP99Ms } = report;
  const cpuUs = (await treeCpuUs(running.pid)) - before;
  await running.afterRound?.();
  return {
    ...{ p50Ms, p99Ms, p99FromScheduleMs, latenessP99Ms },
    requests: answered,
    failedRequests: failed + dropped,
    cpuUsPerRequest: cpuUs / answered,
    rps: measured / measureSeconds,
  };
}
