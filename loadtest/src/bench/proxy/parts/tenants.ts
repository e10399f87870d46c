import { treeRssBytes } from '../../process-tree.ts';
import { standardEdge } from '../candidates/headgate.ts';
import { measureWithWrk } from '../../side-by-side/measure-with-wrk.ts';
import { interleave, type Contender } from '../../side-by-side/rounds.ts';
import { summarise, type Measured, type Round } from '../../side-by-side/row.ts';
import { CONNECTIONS, REQUEST_PATH } from '../../side-by-side/settings.ts';
import { MANY_ACTIVE_TENANTS, MANY_TENANTS, TEN_TENANTS } from '../settings.ts';
import { enter, enterRunning, type Entrant } from '../../side-by-side/shared-candidates.ts';
import { PROXY_BASELINES, type ProxyContext, type ProxyPart } from './proxy-part.ts';

const few = standardEdge('headgate-10-tenants', TEN_TENANTS, TEN_TENANTS);
const many = standardEdge('headgate-100000-tenants', MANY_TENANTS, TEN_TENANTS);

/** Name and description of the row of `many` with requests to more tenants, in the same process. */
const manyActive = standardEdge(
  'headgate-100000-tenants-1000-active',
  MANY_TENANTS,
  MANY_ACTIVE_TENANTS,
);

const MIB = 1024 * 1024;

/** Cost of configured tenants that are not active: the same requests with 10 and with 100,000 tenants. */
export const tenants: ProxyPart = {
  name: 'tenants',
  mainFigure: 'cpuUsPerRequest',
  baselines: PROXY_BASELINES,
  candidates: [few, many],
  quick: [few.name, many.name],
  quickIfNamed: true,
  run,
};

async function run(context: ProxyContext) {
  const { bench, candidates, schedules, say, signal } = context;
  const entrants: Entrant[] = [];
  for (const candidate of candidates) {
    say(`start and warm up ${candidate.name}`);
    const entrant = await enter(bench, candidate, signal);
    if (entrant !== null) entrants.push(entrant);
  }
  const measure = (group: readonly Entrant[]): Promise<readonly Measured[]> =>
    interleave(
      group.map((entrant) => contender(entrant, context)),
      schedules.tenants.rounds,
      context,
    );
  const measured = [...(await measure(entrants))];
  const large = entrants.find(({ name }) => name === many.name);
  if (large !== undefined && context.quick) {
    bench.fleet.leaveOut({ name: manyActive.name, reason: 'a quick run' });
  } else if (large !== undefined) {
    // Afterwards: its many connections to the backend stay open, and would be part of the other row.
    const more = await enterRunning(bench, manyActive, large.running, signal);
    measured.push(...(await measure([more])));
  }
  for (const { running } of entrants) await bench.fleet.stop(running);
  return summarise(tenants, measured);
}

function contender(entrant: Entrant, { bench, schedules, signal }: ProxyContext): Contender {
  const { name, description, running } = entrant;
  const load = { program: bench.wrk, path: REQUEST_PATH, connections: CONNECTIONS, signal };
  const measure = async (): Promise<Round> => {
    const round = await measureWithWrk(entrant, load, schedules.tenants);
    return { ...round, rssMib: (await treeRssBytes(running.pid)) / MIB };
  };
  return { name, description, measure };
}
