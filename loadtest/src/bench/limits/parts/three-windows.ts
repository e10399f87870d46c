import { measureRequests } from '../../side-by-side/measure-requests.ts';
import { summarise } from '../../side-by-side/row.ts';
import { CONNECTIONS } from '../../side-by-side/settings.ts';
import { CANDIDATES } from '../candidates/candidates.ts';
import type { LimitsContext, LimitsPart } from './limits-part.ts';

/** Three windows per request at saturation, requests of 64 tenants: CPU of the edge and its Redis. */
export const threeWindows: LimitsPart = {
  name: 'three-windows',
  mainFigure: 'cpuUsPerRequest',
  baselines: ['ratioToLimitsOff', 'ratioToNginxLua', 'ratioToFastify'],
  candidates: CANDIDATES,
  quick: CANDIDATES.map(({ name }) => name),
  run,
};

async function run(context: LimitsContext) {
  const schedule = context.schedules.threeWindows;
  const measured = await measureRequests(context, { connections: CONNECTIONS, schedule });
  return summarise(threeWindows, measured);
}
