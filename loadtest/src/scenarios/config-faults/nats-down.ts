import { setTimeout as sleep } from 'node:timers/promises';
import { rm } from 'node:fs/promises';
import { request } from 'undici';
import { REQUEST_PATH } from '../../bench/side-by-side/settings.ts';
import { tenantHost } from '../../bench/side-by-side/tenant-documents.ts';
import { firstEdge, type ClusterEdge } from '../../cluster/cluster.ts';
import { readMetric } from '../edge-metrics.ts';
import { timed } from '../scenario.ts';
import type { ConfigFault } from './config-fault.ts';
import type { FaultRig } from './fault-rig.ts';

const READY_MS_MAX = 3000;
const AGE = 'headgate_config_age_seconds';

/** N1: NATS is away for a while, and nothing else happens. */
export const natsDown: ConfigFault = {
  id: 'N1',
  fault: 'NATS down, steady',
  required: '0 errors; config_age_seconds rises',
  scale: ({ holdMs }) => `${holdMs / 1000} s`,
  async run(rig, { holdMs }) {
    const { nats } = rig.cluster;
    const edge = firstEdge(rig.cluster);
    const load = await rig.underLoad(async () => {
      await nats.kill();
      await sleep(holdMs / 5);
      const early = await readMetric(edge.admin, AGE);
      await sleep((holdMs * 4) / 5);
      return { early, late: await readMetric(edge.admin, AGE) };
    });
    await nats.restart();
    const healedMs = await rig.untilServed(await rig.change());
    const { early, late } = load.value;
    const risen = late - early;
    return {
      figure: `${load.text}; age ${early.toFixed(1)} → ${late.toFixed(1)} s; a change after it served in ${healedMs.toFixed(0)} ms`,
      ok: load.failed === 0 && risen > (holdMs * 0.6) / 1000,
    };
  },
};

/** N2: edges start while nobody can tell them anything. */
export const startAlone: ConfigFault = {
  id: 'N2',
  fault: 'NATS and config-service down at edge start',
  required: 'boots from disk, ready ≤ 3 s; without a disk not ready, and closed or 503',
  async run(rig, { holdMs }) {
    const { nats, configService, edges } = rig.cluster;
    const [kept, empty] = edges;
    if (kept === undefined || empty === undefined) throw new Error('a rig has two edges');
    for (const { component } of [kept, empty]) await component.stop();
    await configService.kill();
    await nats.kill();
    const [, keptMs] = await timed(() => kept.component.start());
    const served = await servedTenants(rig, kept);
    await rm(empty.dataDirectory, { recursive: true, force: true });
    const starting = empty.component.start();
    const seen = await statusesFor(empty, holdMs);
    await nats.restart();
    await configService.start();
    await starting;
    await rig.untilServed(await rig.change());
    const half = [...seen].filter((one) => one !== 'closed' && one !== '503');
    return {
      figure:
        `ready after ${keptMs.toFixed(0)} ms, ${served} of ${rig.tenants} tenants served; ` +
        `without a disk for ${holdMs / 1000} s: ${[...seen].join(', ')}; then ready`,
      ok: keptMs <= READY_MS_MAX && served === rig.tenants && half.length === 0,
    };
  },
};

/** How many tenants an edge serves. */
async function servedTenants(rig: FaultRig, edge: ClusterEdge): Promise<number> {
  let served = 0;
  for (let tenant = 0; tenant < rig.tenants; tenant += 1) {
    if (await rig.serves(edge, tenant)) served += 1;
  }
  return served;
}

/** What requests to an edge meet for a while: `closed`, or a status; and whether it says that it is ready. */
async function statusesFor(edge: ClusterEdge, forMs: number): Promise<ReadonlySet<string>> {
  const seen = new Set<string>();
  const untilMs = performance.now() + forMs;
  while (performance.now() < untilMs) {
    seen.add(await statusOf(`http://127.0.0.1:${edge.port}${REQUEST_PATH}`));
    if ((await statusOf(`${edge.admin}/readyz`)) === '200') seen.add('ready');
    await sleep(20);
  }
  return seen;
}

async function statusOf(url: string): Promise<string> {
  try {
    const answer = await request(url, { headers: { host: tenantHost(0) }, reset: true });
    await answer.body.dump();
    return String(answer.statusCode);
  } catch {
    return 'closed';
  }
}
