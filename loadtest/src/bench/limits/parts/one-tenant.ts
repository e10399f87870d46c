import { measureRequests } from '../../side-by-side/measure-requests.ts';
import { summarise } from '../../side-by-side/row.ts';
import { CONNECTIONS, TENANTS } from '../../side-by-side/settings.ts';
import { CANDIDATES } from '../candidates/candidates.ts';
import { threeWindows } from './three-windows.ts';
import type { LimitsContext, LimitsPart } from './limits-part.ts';

/** The same load, all of it from one tenant and one key: what waits at the same time shares its windows. */
export const oneTenant: LimitsPart = {
  name: 'one-tenant',
  mainFigure: 'cpuUsPerRequest',
  baselines: threeWindows.baselines,
  candidates: CANDIDATES,
  quick: ['headgate', 'headgate-limits-off'],
  run,
};

async function run(context: LimitsContext) {
  const measured = await measureRequests(context, {
    connections: CONNECTIONS,
    schedule: context.schedules.oneTenant,
    hostsFile: await context.bench.hostsFile(TENANTS, 1),
  });
  return summarise(oneTenant, measured);
}
