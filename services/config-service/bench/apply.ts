/**
 * Applies a bundle of many tenants to the real service on PGlite, then changes one of them.
 *
 *     node services/config-service/bench/apply.ts [tenants, default 10000]
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createConfigFeed, connectBus } from '@headgate/bus';
import { systemClock, systemRandom } from '@headgate/runtime';
import { startNats, temporaryDirectory, waitFor } from '@headgate/testkit';
import { startService } from '../test/support/service.ts';

const tenantCount = Number(process.argv[2] ?? 10_000);

/** Three endpoints, two routes and a key each, as in the peers' figures. */
function makeTenant(index: number) {
  return {
    planId: `plan-${index % 5}`,
    identity: { hosts: [`t${index}.bench.example`] },
    upstreams: {
      api: {
        endpoints: [1, 2, 3].map((last) => ({ host: `10.0.${index % 250}.${last}`, port: 8080 })),
      },
    },
    routes: {
      web: { upstreamId: 'api' },
      api: { upstreamId: 'api', match: { path: { prefix: '/api' } }, auth: 'api_key' },
    },
    apiKeys: { main: { sha256: createHash('sha256').update(`key ${index}`).digest('hex') } },
  };
}

const bundle = {
  apiVersion: 'headgate/v1',
  plans: Object.fromEntries(
    Array.from({ length: 5 }, (_, index) => [
      `plan-${index}`,
      { limits: [{ name: 'second', limit: 100, windowMs: 1000 }] },
    ]),
  ),
  tenants: Object.fromEntries(
    Array.from({ length: tenantCount }, (_, index) => [`tenant-${index}`, makeTenant(index)]),
  ),
};

const [nats, directory] = await Promise.all([startNats(), temporaryDirectory('config-bench')]);
const env = { HEADGATE_DATA_DIR: directory.path, HEADGATE_NATS_URL: nats.url };
let service = await startService(env);

function report(what: string, sinceMs: number): void {
  const status = readFileSync(`/proc/${service.process.pid}/status`, 'utf8');
  const rssMiB = Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
  const seconds = ((performance.now() - sinceMs) / 1000).toFixed(2);
  console.log(`${what.padEnd(44)} ${seconds.padStart(7)} s   RSS ${rssMiB} MiB`);
}

const deps = { clock: systemClock, random: systemRandom };
const bus = connectBus(deps, { servers: [nats.url], name: 'bench' });
const held = new Map<string, number>();
const feed = createConfigFeed(bus, deps, {
  onDocument: ({ key, header }) => void held.set(key, header.revision),
  onRemoved: () => undefined,
});
try {
  report('empty service', performance.now());
  let sinceMs = performance.now();
  const dry = await service.send('POST', '/v1/apply?dryRun=true', bundle);
  report(`dry run, ${tenantCount} tenants (${dry.status})`, sinceMs);
  sinceMs = performance.now();
  const applied = await service.send('POST', '/v1/apply', bundle);
  report(`apply, ${tenantCount} tenants (${applied.status})`, sinceMs);
  await waitFor(() => held.size === tenantCount + 5, {
    message: 'all documents',
    deadlineMs: 120_000,
    describe: () => held.size,
  });
  report('… and in the feed of an edge', sinceMs);
  sinceMs = performance.now();
  await service.send('POST', '/v1/apply', bundle);
  report('the same bundle again, all unchanged', sinceMs);

  const delaysMs: number[] = [];
  const putsMs: number[] = [];
  for (let round = 0; round < 100; round++) {
    const key = `tenant.tenant-${(round * 97) % tenantCount}`;
    const startMs = performance.now();
    const reply = await service.send('PUT', `/v1/tenants/${key.slice(7)}/upstreams/api`, {
      endpoints: [{ host: '10.1.0.1', port: 1 + round }],
    });
    const repliedMs = performance.now();
    const revision = Number(reply.body['revision']);
    await waitFor(() => (held.get(key) ?? 0) >= revision, { message: key, intervalMs: 0 });
    putsMs.push(repliedMs - startMs);
    delaysMs.push(performance.now() - repliedMs);
  }
  const at = (values: number[], share: number) =>
    (values.sort((a, b) => a - b)[Math.floor(values.length * share)] ?? 0).toFixed(1);
  console.log(`one change: PUT p50 ${at(putsMs, 0.5)} ms, p99 ${at(putsMs, 0.99)} ms;`);
  console.log(`reply to feed p50 ${at(delaysMs, 0.5)} ms, p99 ${at(delaysMs, 0.99)} ms`);

  await service.process.stop();
  sinceMs = performance.now();
  service = await startService(env);
  report('restart to ready', sinceMs);
} finally {
  await feed.close();
  await bus.close();
  await service.process.stop();
  await nats.stop();
  await directory.remove();
}
