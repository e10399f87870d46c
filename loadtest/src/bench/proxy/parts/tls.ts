import { readFile } from 'node:fs/promises';
import { checkTlsAnswer } from '../../side-by-side/check-answers.ts';
import { BODY } from '../../side-by-side/backend.ts';
import { measureWithWrk } from '../../side-by-side/measure-with-wrk.ts';
import { interleave } from '../../side-by-side/rounds.ts';
import { summarise, type Round } from '../../side-by-side/row.ts';
import { CONNECTIONS, REQUEST_PATH, TLS_HOST } from '../../side-by-side/settings.ts';
import { haproxy } from '../candidates/haproxy.ts';
import { headgateBare } from '../candidates/headgate-bare.ts';
import { headgate } from '../candidates/headgate.ts';
import { nginx } from '../candidates/nginx.ts';
import { PROXY_BASELINES, type ProxyContext, type ProxyPart } from './proxy-part.ts';

/** Small answers at saturation over TLS, on kept connections, all of one tenant: CPU per request, requests/s. */
export const tls: ProxyPart = {
  name: 'tls',
  mainFigure: 'cpuUsPerRequest',
  baselines: PROXY_BASELINES,
  candidates: [headgate, headgateBare, nginx, haproxy],
  quick: [headgate.name, haproxy.name],
  quickIfNamed: true,
  run,
};

async function run(context: ProxyContext) {
  const { bench, candidates, shared, schedules, signal } = context;
  const entrants = await shared.get(candidates);
  const hostsFile = await bench.writeHosts('tls', [TLS_HOST]);
  const ca = await readFile(bench.tls.certificate, 'utf8');
  const contenders = entrants.flatMap(({ name, description, running }) => {
    const { tlsPort: port } = running;
    if (port === undefined) return [];
    const loaded = { running: { ...running, port }, hostsFile };
    const load = { program: bench.wrk, path: REQUEST_PATH, connections: CONNECTIONS, signal };
    const measure = async (): Promise<Round> => {
      await checkTlsAnswer(port, ca, { path: REQUEST_PATH, body: BODY });
      return measureWithWrk(loaded, { ...load, tlsHost: TLS_HOST }, schedules.tls);
    };
    return [{ name, description, measure }];
  });
  return summarise(tls, await interleave(contenders, schedules.tls.rounds, context));
}
