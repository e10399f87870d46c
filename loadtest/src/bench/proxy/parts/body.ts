import { LARGE_BODY } from '../../side-by-side/backend.ts';
import { USUAL_CANDIDATES } from '../candidates/candidates.ts';
import { checkAnswers } from '../../side-by-side/check-answers.ts';
import { measureWithWrk } from '../../side-by-side/measure-with-wrk.ts';
import { interleave } from '../../side-by-side/rounds.ts';
import { summarise, type Round } from '../../side-by-side/row.ts';
import { BODY_PATH } from '../../side-by-side/settings.ts';
import { BODY_CONNECTIONS } from '../settings.ts';
import { tenantHost } from '../../side-by-side/tenant-documents.ts';
import { PROXY_BASELINES, type ProxyContext, type ProxyPart } from './proxy-part.ts';

/** Answers of 1 MiB at saturation: CPU per MiB, MiB/s. */
export const body: ProxyPart = {
  name: 'body-1m',
  mainFigure: 'cpuUsPerMib',
  baselines: PROXY_BASELINES,
  candidates: USUAL_CANDIDATES,
  quick: ['headgate', 'nginx', 'caddy'],
  run,
};

async function run(context: ProxyContext) {
  const { bench, candidates, shared, schedules, signal } = context;
  const entrants = await shared.get(candidates);
  const schedule = schedules.body;
  const load = { program: bench.wrk, path: BODY_PATH, connections: BODY_CONNECTIONS, signal };
  const contenders = entrants.map((entrant) => ({
    name: entrant.name,
    description: entrant.description,
    measure: async (): Promise<Round> => {
      const { port } = entrant.running;
      await checkAnswers(port, [tenantHost(0)], { path: BODY_PATH, body: LARGE_BODY });
      const round = await measureWithWrk(entrant, load, schedule);
      // One request is one MiB.
      const { cpuUsPerRequest: cpuUsPerMib = 0, rps: mibPerSecond = 0 } = round;
      return { ...round, cpuUsPerMib, mibPerSecond };
    },
  }));
  return summarise(body, await interleave(contenders, schedule.rounds, context));
}
