import { CANDIDATES } from '../candidates/candidates.ts';
import { measureWithWrk } from '../measure-with-wrk.ts';
import { interleave } from '../rounds.ts';
import { summarise } from '../row.ts';
import { PROXY_CONNECTIONS, REQUEST_PATH } from '../settings.ts';
import type { Part, PartContext } from './part.ts';

/** Small answers at saturation: CPU per request, requests/s. */
export const small: Part = {
  name: 'small',
  mainFigure: 'cpuUsPerRequest',
  candidates: CANDIDATES,
  quick: CANDIDATES.map(({ name }) => name),
  run,
};

async function run(context: PartContext) {
  const { bench, candidates, shared, schedules, signal } = context;
  const entrants = await shared.get(candidates);
  const schedule = schedules.small;
  const load = { program: bench.wrk, path: REQUEST_PATH, connections: PROXY_CONNECTIONS, signal };
  const contenders = entrants.map((entrant) => ({
    name: entrant.name,
    description: entrant.description,
    measure: () => measureWithWrk(entrant, load, schedule),
  }));
  return summarise(small, await interleave(contenders, schedule.rounds, context));
}
