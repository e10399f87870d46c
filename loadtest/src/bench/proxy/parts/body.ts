import { LARGE_BODY } from '../backend.ts';
import { CANDIDATES } from '../candidates/candidates.ts';
import { headgateManyActive } from '../candidates/headgate.ts';
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
  candidates: CANDIDATES.filter((candidate) => candidate !== headgateManyActive),
  quick: ['headgate', 'nginx', 'caddy'],
  run,
};

async function run(context: PartContext) {
  const { bench, candidates, shared, schedules, signal } = context;
  const entrants = await shared.get(candidates);
  const schedule = schedules.body;
  const contenders = entrants.map(({ name, description, running, hostsFile }) => ({
    name,
    description,
    measure: async (): Promise<Round> => {
      await checkAnswers(running.port, [tenantHost(0)], { path: BODY_PATH, body: LARGE_BODY });
      const load = { hostsFile, path: BODY_PATH, connections: BODY_CONNECTIONS, signal };
      const round = await measureWithWrk(
        running,
        { program: bench.wrk, port: running.port, ...load },
        schedule,
      );
      // One request is one MiB.
      const { cpuUsPerRequest: cpuUsPerMib = 0, rps: mibPerSecond = 0 } = round;
      return { ...round, cpuUsPerMib, mibPerSecond };
    },
  }));
  return summarise(body, await interleave(contenders, schedule.rounds, context));
}
