import { measureWithWrk } from '../../side-by-side/measure-with-wrk.ts';
import { interleave, type Contender } from '../../side-by-side/rounds.ts';
import { summarise, type Round } from '../../side-by-side/row.ts';
import type { Entrant } from '../../side-by-side/shared-candidates.ts';
import { CONNECTIONS, REQUEST_PATH, TENANTS } from '../../side-by-side/settings.ts';
import { tenantHost } from '../../side-by-side/tenant-documents.ts';
import { fastify } from '../candidates/fastify.ts';
import { headgate } from '../candidates/headgate.ts';
import { nginxLua } from '../candidates/nginx-lua.ts';
import { THROTTLED_PER_SECOND, THROTTLED_TENANT } from '../settings.ts';
import type { LimitsContext, LimitsPart } from './limits-part.ts';

/** A tenant far above its limit beside one far below its own: what a denied request costs, and how often Redis is asked. */
export const denied: LimitsPart = {
  name: 'denied',
  mainFigure: 'cpuUsPerRequest',
  baselines: ['ratioToAdmitted'],
  candidates: [headgate, nginxLua, fastify],
  quick: [headgate.name],
  run,
};

async function run(context: LimitsContext) {
  const { bench, candidates, shared, schedules } = context;
  const below = await bench.hostsFile(TENANTS, 1);
  const above = await bench.writeHosts('throttled', [tenantHost(THROTTLED_TENANT)]);
  const entrants = await shared.get(candidates);
  const contenders = entrants.flatMap((entrant) => [
    contender('admitted', { ...entrant, hostsFile: below }, context),
    contender('denied', { ...entrant, hostsFile: above }, context),
  ]);
  return summarise(denied, await interleave(contenders, schedules.denied.rounds, context));
}

function contender(
  kind: 'admitted' | 'denied',
  { name, running, hostsFile }: Entrant,
  { bench, schedules, signal }: LimitsContext,
): Contender {
  const isDenied = kind === 'denied';
  const load = {
    program: bench.wrk,
    path: REQUEST_PATH,
    headers: bench.headers,
    connections: CONNECTIONS,
    signal,
    expectsDenials: isDenied,
  };
  const measure = async (): Promise<Round> => {
    const round = await measureWithWrk({ running, hostsFile }, load, schedules.denied);
    return isDenied ? { ...round, timesLimit: (round.rps ?? 0) / THROTTLED_PER_SECOND } : round;
  };
  return { name: `${name}-${kind}`, description: describe(kind), measure };
}

function describe(kind: 'admitted' | 'denied'): string {
  return kind === 'admitted'
    ? 'all requests from one tenant that is far below its limits'
    : `all requests from one tenant with ${THROTTLED_PER_SECOND} per second; nearly all are answered with 429`;
}
