import { CANDIDATES, USUAL_CANDIDATES } from '../candidates/candidates.ts';
import { measureRequests } from '../../side-by-side/measure-requests.ts';
import { summarise } from '../../side-by-side/row.ts';
import { CONNECTIONS } from '../../side-by-side/settings.ts';
import { PROXY_BASELINES, type ProxyContext, type ProxyPart } from './proxy-part.ts';

/** Small answers at saturation: CPU per request, requests/s. */
export const small: ProxyPart = {
  name: 'small',
  mainFigure: 'cpuUsPerRequest',
  baselines: PROXY_BASELINES,
  candidates: CANDIDATES,
  quick: USUAL_CANDIDATES.map(({ name }) => name),
  run,
};

async function run(context: ProxyContext) {
  const schedule = context.schedules.small;
  const measured = await measureRequests(context, { connections: CONNECTIONS, schedule });
  return summarise(small, measured);
}
