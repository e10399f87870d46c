import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createHttpOrigin, waitFor, type HttpOrigin } from '@headgate/testkit';
import { CLUSTER_TOKEN, startCliCluster, type CliCluster } from './cli-cluster.ts';
import { run, startContractServer, type CliRun } from './cli-harness.ts';

/** Its unit is shown, and what of it is used in powers of 1,000. */
const DOWNLOADS = {
  ...{ name: 'down', unit: 'response-bytes', limit: 50_000_000, windowMs: 3_600_000 },
  reserveBytes: 4096,
};

let cluster: CliCluster;
let backend: HttpOrigin;

before(async () => {
  cluster = await startCliCluster({ edge: true });
  backend = await createHttpOrigin((_request, response) => void response.end('served'));
  const bundle = {
    plans: {
      free: {
        limits: [{ name: 'day', kind: 'quota', limit: 1000, period: 'day' }],
        pool: { entities: 4, limits: [{ name: 'all', limit: 5000, windowMs: 3_600_000 }] },
      },
    },
    tenants: {
      acme: tenant('/acme', [{ name: 'minute', limit: 10, windowMs: 60_000 }, DOWNLOADS]),
      calm: tenant('/calm', []),
    },
  };
  await apply(bundle);
});

after(async () => {
  await backend.close();
  await cluster.stop();
});

function tenant(prefix: string, limits: readonly object[]): object {
  const login = { name: 'login', limit: 3, windowMs: 60_000, per: 'client-ip' };
  return {
    ...{ planId: 'free', limits },
    identity: { pathPrefixes: [prefix] },
    upstreams: { web: { endpoints: [{ host: '127.0.0.1', port: backend.port }] } },
    routes: {
      all: { upstreamId: 'web' },
      login: { upstreamId: 'web', match: { path: { prefix: `${prefix}/login` } }, limits: [login] },
    },
  };
}

async function apply(bundle: object): Promise<void> {
  const file = join(cluster.folder, 'limits.json');
  await writeFile(file, JSON.stringify({ apiVersion: 'headgate/v1', ...bundle }));
  const { code, stderr } = await headgate('apply', '-f', file, '--yes', '--wait');
  assert.equal(code, 0, stderr);
}

function headgate(...args: readonly string[]): Promise<CliRun> {
  return run([...args, '--url', cluster.url], { env: { HEADGATE_ADMIN_TOKEN: CLUSTER_TOKEN } });
}

async function send(path: string, count: number): Promise<number> {
  let served = 0;
  for (let request = 0; request < count; request += 1) {
    const response = await fetch(`http://127.0.0.1:${cluster.edgePort}${path}`);
    await response.arrayBuffer();
    if (response.ok) served += 1;
  }
  return served;
}

/** Waits until the command prints this; reports come once a second. */
async function prints(pattern: RegExp, ...args: readonly string[]): Promise<string> {
  let stdout = '';
  await waitFor(
    async () => {
      ({ stdout } = await headgate(...args));
      return pattern.test(stdout);
    },
    {
      message: `${args.join(' ')} to print ${pattern.source}`,
      intervalMs: 200,
    },
  );
  return stdout;
}

test('limits explain: each level of a tenant, used and left, and what nobody has asked for', async () => {
  const before = await headgate('limits', 'explain', 'acme');
  assert.equal(before.code, 0, before.stderr);
  assert.match(before.stdout, /^TENANT +LEVEL +LIMIT +KIND +COUNTS +USED +LEFT +RESETS IN/);
  assert.match(before.stdout, /^acme +tenant +day +quota +requests +- of 1000 +- +- .*never$/m);
  assert.match(before.stdout, /^acme +route login +login +window +requests +- of 3 +- .*never$/m);

  assert.equal(await send('/acme/login', 5), 3);
  assert.equal(await send('/acme', 4), 4);
  const stdout = await prints(/minute +window +requests +7 of 10 /, 'limits', 'explain', 'acme');
  assert.match(stdout, /^acme +tenant +minute +window +requests +7 of 10 +3 +(\d+m )?\d+s /m);
  assert.match(stdout, /^acme +tenant +day +quota +requests +7 of 1000 +993 +\d+/m);
  assert.match(
    stdout,
    /^acme +route login, 127\.0\.0\.1 +login +window +requests +3 of 3 +0 +(\d+m )?\d+s .*\d+m?s ago$/m,
  );
});

test('limits of bytes show what they count: in powers of 1,000 for people, exactly for programs', async () => {
  const stdout = await prints(/down +window +response-bytes +\d/, 'limits', 'explain', 'acme');
  assert.match(
    stdout,
    /^acme +tenant +down +window +response-bytes +[\d.]+ k?B of 50 MB +(50|49\.9\d?) MB /m,
  );
  const reply = await headgate('limits', 'explain', 'acme', '-o', 'json');
  const items = JSON.parse(reply.stdout) as readonly Readonly<Record<string, unknown>>[];
  const down = items.find(({ name }) => name === 'down');
  assert.equal(down?.['unit'], 'response-bytes');
  assert.equal(Number(down['used']) + Number(down['remaining']), 50_000_000);
});

test('limits pools: who shares a place, whom one of them stops, and how full it is', async () => {
  const stdout = await prints(
    /^free\.\d .* all +window +requests +\d+ of 5000/m,
    'limits',
    'pools',
  );
  assert.match(stdout, /^free: 2 tenants in 4 places\. /m);
  assert.match(stdout, /^PLACE +TENANTS +STOPS +OF POOL +OF ALL +LIMIT +KIND +COUNTS +USED/m);
  const none = await headgate('limits', 'pools', 'silver');
  assert.match(none.stdout, /^No plan "silver" has a pool/);
  const reply = await headgate('limits', 'pools', 'free', '--places', '2', '-o', 'json');
  const [pool] = JSON.parse(reply.stdout) as readonly { readonly places: readonly unknown[] }[];
  assert.equal(pool?.places.length, 2);
});

test('limits pools says when there are more pools than it shows; too many places are refused', async (context) => {
  const blastRadius = { tenants: 0, ofPool: 0, ofAll: 0 };
  const gold = { planId: 'gold', entities: 1, tenants: 1, blastRadius, places: [] };
  const server = await startContractServer(context, () => ({
    body: { items: [gold], truncated: true },
  }));
  for (const output of ['table', 'json']) {
    const { code, stdout, stderr } = await run([
      ...['limits', 'pools', '--url', server.url, '-o', output],
    ]);
    assert.equal(code, 0);
    assert.match(stdout, /gold/);
    assert.match(stderr, /^There are more pools than these 1: .* headgate limits pools PLAN$/m);
  }
  const many = await headgate('limits', 'pools', '--places', '9999');
  assert.equal(many.code, 3);
  assert.match(many.stderr, /places/);
});

test('limits top: who is near a limit or over it, and nobody else', async () => {
  await send('/calm', 2);
  await send('/acme', 20);
  const stdout = await prints(
    /^acme +tenant +minute +window +requests +10 of 10 +0 /m,
    'limits',
    'top',
  );
  assert.doesNotMatch(stdout, /calm|quota/);
  const reply = await headgate('limits', 'top', '--near', '1', '--limit', '1', '-o', 'json');
  const items = JSON.parse(reply.stdout) as readonly Readonly<Record<string, unknown>>[];
  assert.equal(items.length, 1);
  assert.equal(items[0]?.['name'], 'minute');
});

test('limits what-if: who would have been refused under other plans, by what was asked for', async () => {
  const file = join(cluster.folder, 'tight.json');
  const tight = { name: 'tight', limit: 2, windowMs: 60_000 };
  const busy = { name: 'busy', kind: 'concurrency', limit: 5 };
  const pool = { limits: [{ name: 'all', limit: 1, windowMs: 3_600_000 }] };
  const plans = { free: { limits: [tight, busy], pool } };
  await writeFile(file, JSON.stringify({ apiVersion: 'headgate/v1', plans }));
  // 29 requests, in at most two minutes; edges tell of them every five seconds.
  const row = /^acme +tenant +tight +window +≥ 2\d +- +29 +\d +\d{4}-\S+Z: ≥ \d+$/m;
  const stdout = await prints(row, 'limits', 'what-if', file);
  assert.match(stdout, /^Requests from \S+Z until \S+Z, of 2 of 2 tenants\.$/m);
  assert.match(stdout, /^- +pool free\.0 +all +window +≥ 30 +- +31 /m);
  assert.doesNotMatch(stdout, /^calm/m);
  assert.match(stdout, /^Not judged: busy of plan free: /m);
});

test('limits of a tenant that does not exist: refused', async () => {
  const { code, stderr } = await headgate('limits', 'explain', 'nobody');
  assert.equal(code, 3);
  assert.match(stderr, /there is no tenant "nobody"/);
});

test('limits events: a limit tells once that 80 % of it is used, and once that it refuses', async () => {
  const read = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await headgate('limits', 'events', ...args, '-o', 'json');
    assert.equal(code, 0, stderr);
    const items = JSON.parse(stdout) as readonly Readonly<Record<string, unknown>>[];
    return items.map((item) => [item['event'], item['name'], item['used'], item['percent']]);
  };
  const tell = (count: number) =>
    waitFor(async () => (await read('--tenant', 'eager')).length >= count, {
      message: `${count} events`,
      intervalMs: 200,
    });
  const eager = tenant('/eager', [{ name: 'events', limit: 10, windowMs: 3_600_000 }]);
  await apply({ tenants: { eager } });
  assert.equal(await send('/eager', 7), 7);
  await prints(/^eager +tenant +events +window +requests +7 of 10 /m, 'limits', 'explain', 'eager');
  assert.deepEqual(await read('--tenant', 'eager'), []);
  assert.equal(await send('/eager', 1), 1);
  await tell(1);
  assert.deepEqual(await read('--tenant', 'eager'), [['near', 'events', 8, 80]]);
  assert.equal(await send('/eager', 4), 2);
  await tell(2);
  assert.equal(await send('/eager', 4), 0);
  const denied = /^eager +tenant +events .* 10 of 10 +0 .* (0\.[6-9]|1\.\d) +\d+m?s ago$/m;
  await prints(denied, 'limits', 'explain', 'eager');
  assert.deepEqual(await read('--tenant', 'eager'), [
    ['reached', 'events', 10, 100],
    ['near', 'events', 8, 80],
  ]);
  const { stdout } = await headgate('limits', 'events', '--tenant', 'eager', '--limit', '1');
  assert.match(stdout, /^TIME +EVENT +TENANT +LEVEL +LIMIT +KIND +COUNTS +USED +PERCENT$/m);
  assert.match(
    stdout,
    /^\S+Z +reached +eager +tenant +events +window +requests +10 of 10 +100 %$/m,
  );
  assert.doesNotMatch(stdout, /near/);
  const told = cluster.configLines().filter((line) => line.includes('limit near or reached'));
  const lines = told
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
    .filter(({ tenantId }) => tenantId === 'eager')
    .map(({ event, level, limitLevel, name, used, limit, percent }) =>
      [event, level, limitLevel, name, used, limit, percent].join(' '),
    );
  assert.deepEqual(lines, [
    'limit-near info tenant events 8 10 80',
    'limit-reached info tenant events 10 10 100',
  ]);
  const [, admin = ''] = /"admin":"([^"]+)"/.exec(cluster.configLines().join('\n')) ?? [];
  const metrics = await (await fetch(`${admin}/metrics`)).text();
  const counted = (event: string): number =>
    Number(
      new RegExp(`^headgate_limit_events_total\\{[^}]*event="${event}"[^}]*\\} (\\d+)$`, 'm').exec(
        metrics,
      )?.[1],
    );
  // Those of the tests before are counted, too.
  assert.ok(counted('near') >= 1, metrics);
  assert.ok(counted('reached') >= 1, metrics);
  const none = await headgate('limits', 'events', '--tenant', 'calm');
  assert.match(none.stdout, /^No limit has been near or reached/);
});
