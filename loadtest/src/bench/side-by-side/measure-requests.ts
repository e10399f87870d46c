import { measureWithWrk } from './measure-with-wrk.ts';
import type { PartContext } from './part.ts';
import { interleave, joinSeries } from './rounds.ts';
import type { Measured } from './row.ts';
import { REQUEST_PATH, type Schedule } from './settings.ts';

/** Load of a part that sends small requests in a closed loop. */
export interface RequestLoad {
  readonly connections: number;
  readonly schedule: Schedule;
  /** File of hosts that all candidates get. Default: each its own active tenants. */
  readonly hostsFile?: string;
}

/**
 * Measures the candidates of a part, which it shares with other parts, in turn with small requests.
 *
 * With several starts, processes are new in each: the machine code that V8 makes of a Node program differs from start
 * to start, and with it the CPU time of a request, by a tenth.
 */
export async function measureRequests(
  context: PartContext<unknown>,
  load: RequestLoad,
): Promise<readonly Measured[]> {
  const series: (readonly Measured[])[] = [];
  const { starts = 1 } = load.schedule;
  for (let start = 1; start <= starts; start += 1) {
    if (start > 1) await context.shared.stop();
    if (starts > 1) context.say(`start ${start}/${starts}`);
    series.push(await measureOneStart(context, load));
  }
  return joinSeries(series);
}

async function measureOneStart(
  context: PartContext<unknown>,
  { connections, schedule, hostsFile }: RequestLoad,
): Promise<readonly Measured[]> {
  const { bench, candidates, shared, signal } = context;
  const { headers, wrk: program } = bench;
  const load = { program, path: REQUEST_PATH, headers, connections, signal };
  const entrants = await shared.get(candidates);
  const contenders = entrants.map((entrant) => ({
    name: entrant.name,
    description: entrant.description,
    measure: () =>
      measureWithWrk(
        { running: entrant.running, hostsFile: hostsFile ?? entrant.hostsFile },
        load,
        schedule,
      ),
  }));
  return interleave(contenders, schedule.rounds, context);
}
