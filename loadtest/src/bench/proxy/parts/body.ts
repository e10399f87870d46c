import { LARGE_BODY } from '../backend.ts';
import { USUAL_CANDIDATES } from '../candidates/candidates.ts';
import { checkAnswers } from '../check-answers.ts';
import { measureWithWrk } from '../measure-with-wrk.ts';
import { interleave } from '../rounds.ts';
import { summarise, type Round } from '../row.ts';
import { BODY_CONNECTIONS, BODY_PATH } from '../settings.ts';
import { tenantHost } from '../tenant-documents.ts';
import type { Part, PartContext } from './part.ts';

/** Answers of 1 MiB at saturation: CPU per MiB, MiB/s. */
export const body: Part = {
  name: 'body-1m',
  mainFigure: 'cpuUsPerMib',
  candidates: USUAL_CANDIDATES,
  quick: ['headgate', 'nginx', 'caddy'],
  run,
};

async function run(context: PartContext) {
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
