import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import { timed } from '../scenario.ts';
import type { ConfigFault } from './config-fault.ts';
import type { FaultRig } from './fault-rig.ts';

const REFUSED_MS_MAX = 2000;
/** More than NATS takes in one message by default, 1 MiB. */
const LABEL_BYTES = 1000;
const ROUTES = 1500;

/** N10: a tenant that no message can hold. */
export const tooLarge: ConfigFault = {
  id: 'N10',
  fault: 'configuration larger than max_payload',
  required: '413 or 422 problem+json, nothing half-published',
  async run(rig) {
    const { api } = rig.cluster;
    await rig.published();
    const before = await Promise.all(rig.cluster.edges.map((edge) => rig.config(edge)));
    const good = { planId: 'standard', name: 'beside the one that is too large' };
    const reply = await send(rig, 'POST', '/v1/apply', {
      apiVersion: 'headgate/v1',
      tenants: { good, large: largeTenant() },
    });
    const stored = await Promise.all(
      ['good', 'large'].map(async (id) => (await api.send('GET', `/v1/tenants/${id}`)).status),
    );
    const made = await rig.change();
    await rig.untilServed(made);
    const after = await Promise.all(rig.cluster.edges.map((edge) => rig.config(edge)));
    const published = after.some(({ total }, index) => total !== before[index]?.total);
    const { status, type, body } = reply;
    return {
      figure: `${status} ${type}: ${firstRule(body)}; both tenants of the bundle ${stored.join(', ')}; ${published ? 'published' : 'nothing published'}`,
      ok:
        [413, 422].includes(status) &&
        type.startsWith('application/problem+json') &&
        stored.every((one) => one === 404) &&
        !published,
    };
  },
};

/** C1: nobody can change anything; those who want to hear it at once. */
export const controlPlaneDown: ConfigFault = {
  id: 'C1',
  fault: 'config-service down for 30 min; PostgreSQL down',
  required: '0 errors; writes answered 503 ≤ 2 s with Retry-After',
  scale: ({ holdMs }) => `30 min as ${holdMs / 1000} s each`,
  async run(rig, { holdMs }) {
    const { configService, postgres } = rig.cluster;
    if (postgres === null) throw new Error('a rig runs on PostgreSQL');
    const load = await rig.underLoad(async () => {
      await configService.kill();
      await sleep(holdMs);
      await configService.start();
      await postgres.kill();
      const untilMs = performance.now() + holdMs;
      const answers: string[] = [];
      let slowestMs = 0;
      while (performance.now() < untilMs) {
        const [reply, tookMs] = await timed(() =>
          send(rig, 'PUT', '/v1/tenants/tenant-0', { planId: 'standard' }),
        );
        answers.push(`${reply.status}${reply.retryAfter === '' ? '' : ' with Retry-After'}`);
        slowestMs = Math.max(slowestMs, tookMs);
        await sleep(100);
      }
      await postgres.restart();
      return { answers, slowestMs };
    });
    const healedMs = await rig.untilServed(await changeWhenBack(rig));
    const { answers, slowestMs } = load.value;
    const kinds = [...new Set(answers)];
    return {
      figure:
        `${load.text}; ${answers.length} writes: ${kinds.join(', ')}, the slowest after ${slowestMs.toFixed(0)} ms; ` +
        `a change after it served in ${healedMs.toFixed(0)} ms`,
      ok:
        load.failed === 0 && slowestMs <= REFUSED_MS_MAX && kinds.join() === '503 with Retry-After',
    };
  },
};

/** The first change that is taken again. */
async function changeWhenBack(rig: FaultRig): ReturnType<FaultRig['change']> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await rig.change();
    } catch (error) {
      if (attempt === 50) throw error;
      await sleep(100);
    }
  }
}

/** What the first fault of a problem says. */
function firstRule(body: string): string {
  const { errors = [] } = JSON.parse(body) as { errors?: { path: string; rule: string }[] }; // of our own service
  return errors.map(({ path, rule }) => `${path} ${rule}`)[0] ?? body.slice(0, 100);
}

function largeTenant(): object {
  const value = 'x'.repeat(LABEL_BYTES);
  const routes: Record<string, object> = {};
  for (let index = 0; index < ROUTES; index += 1) {
    const path = { exact: `/${value}/${index}` };
    routes[`route-${index}`] = { upstreamId: 'main', match: { path } };
  }
  const upstreams = { main: { endpoints: [{ host: '127.0.0.1', port: 1 }] } };
  return { planId: 'standard', upstreams, routes };
}

interface RawReply {
  readonly status: number;
  readonly type: string;
  readonly retryAfter: string;
  readonly body: string;
}

/** As the API's own client would, but with the headers of the answer. */
async function send(
  rig: FaultRig,
  method: 'PUT' | 'POST',
  path: string,
  body: object,
): Promise<RawReply> {
  const { HEADGATE_URL: url = '', HEADGATE_ADMIN_TOKEN: token = '' } = rig.cluster.api.environment;
  const answer = await request(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    reset: true, // a connection kept from before a restart would fail
    body: JSON.stringify(body),
  });
  const { headers } = answer;
  return {
    status: answer.statusCode,
    type: String(headers['content-type'] ?? ''),
    retryAfter: String(headers['retry-after'] ?? ''),
    body: await answer.body.text(),
  };
}
