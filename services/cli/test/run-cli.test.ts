import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '@headgate/testkit';
import { run, startContractServer, type Answer, type SeenRequest } from './cli-harness.ts';

const BUNDLE = `apiVersion: headgate/v1
plans:
  gold: {}
tenants:
  acme:
    planId: silver
`;

let folder = '';
let bundle = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-cli-'));
  bundle = join(folder, 'bundle.yaml');
  await writeFile(bundle, BUNDLE);
});
after(() => rm(folder, { recursive: true }));

const PLAN = [
  { action: 'create', kind: 'plan', id: 'gold', fields: [] },
  { action: 'update', kind: 'tenant', id: 'acme', fields: ['planId'] },
];

/** Answers `POST /v1/apply` as the contract says. */
function applyAnswer(request: SeenRequest, more: object = {}): Answer {
  const dryRun = request.path.includes('dryRun=true');
  return { body: { dryRun, revision: dryRun ? 6 : 7, changes: PLAN, ...(dryRun ? {} : more) } };
}

test('apply --yes prints the plan, then applies what the file says', async (t) => {
  const server = await startContractServer(t, (request) => applyAnswer(request));
  const result = await run(['apply', '-f', bundle, '--yes', '--url', server.url]);
  assert.deepEqual(result, {
    code: 0,
    stderr: '',
    stdout: `+ plan gold
~ tenant acme  planId

Plan: 1 to create, 1 to update, 0 to delete, 0 unchanged.
Applied as revision 7 in 0.0 s.
`,
  });
  assert.deepEqual(
    server.requests.map(({ method, path, token }) => [method, path, token]),
    [
      ['POST', '/v1/apply?dryRun=true', 'Bearer token-of-the-test'],
      ['POST', '/v1/apply', 'Bearer token-of-the-test'],
    ],
  );
  const body = {
    apiVersion: 'headgate/v1',
    plans: { gold: {} },
    tenants: { acme: { planId: 'silver' } },
  };
  assert.deepEqual(server.requests[1]?.body, body);
});

test('apply asks on a terminal: yes applies, anything else does not', async (t) => {
  const server = await startContractServer(t, (request) => applyAnswer(request));
  const args = ['apply', '-f', bundle, '--url', server.url];
  const refused = await run(args, { terminal: true, stdin: '\n' });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /Apply\? \[y\/N\] .*error: nothing was applied\n$/s);
  assert.equal(server.requests.length, 1);
  const accepted = await run(args, { terminal: true, stdin: 'y\n' });
  assert.equal(accepted.code, 0);
  assert.match(accepted.stdout, /Applied as revision 7/);
});

test('what was agreed to is applied: a change in between is refused', async (t) => {
  const server = await startContractServer(t, (request) => {
    if (request.path.includes('dryRun')) {
      return { body: { dryRun: true, revision: 6, changes: PLAN, state: 'abc' } };
    }
    if (request.ifMatch === undefined) return applyAnswer(request);
    const detail = 'If-Match: what the bundle names has changed';
    return { status: 412, body: { title: 'Stale', code: 'HG_API_REVISION_MISMATCH', detail } };
  });
  const args = ['apply', '-f', bundle, '--url', server.url];
  const agreed = await run(args, { terminal: true, stdin: 'y\n' });
  assert.equal(agreed.code, 3);
  assert.match(agreed.stderr, /Stale \(HG_API_REVISION_MISMATCH\)\n {2}If-Match: /);
  assert.equal(server.requests[1]?.ifMatch, '"abc"');
  assert.equal((await run([...args, '--yes'])).code, 0, 'nobody agreed to a plan');
});

test('apply without a terminal needs --yes', async (t) => {
  const server = await startContractServer(t, (request) => applyAnswer(request));
  const { code, stderr } = await run(['apply', '-f', bundle, '--url', server.url]);
  assert.equal(code, 2);
  assert.match(stderr, /^error: cannot ask .*\n {2}Add --yes/);
  assert.equal(server.requests.length, 1, 'only the dry run');
});

test('apply writes nothing when there is nothing to change, and with --dry-run', async (t) => {
  const unchanged = [{ action: 'unchanged', kind: 'plan', id: 'gold', fields: [] }];
  const idle = await startContractServer(t, () => ({
    body: { dryRun: true, revision: 7, changes: unchanged },
  }));
  const nothing = await run(['apply', '-f', bundle, '--yes', '--url', idle.url]);
  assert.equal(nothing.code, 0);
  assert.equal(nothing.stdout, `Nothing to change: 1 resources are as ${bundle} says.\n`);
  assert.equal(idle.requests.length, 1);

  const server = await startContractServer(t, (request) => applyAnswer(request));
  const dry = await run(['apply', '-f', bundle, '--dry-run', '-o', 'json', '--url', server.url]);
  assert.deepEqual(JSON.parse(dry.stdout), { dryRun: true, revision: 6, changes: PLAN });
  assert.match(dry.stderr, /^\+ plan gold/, 'people still see the plan');
  assert.equal(server.requests.length, 1);
});

test('apply --wait fails when the edges do not get the change in time', async (t) => {
  // The answer to a dry run does not carry the field, but takes its turn.
  const answers = [true, true, false, false];
  const server = await startContractServer(t, (request) =>
    applyAnswer(request, { converged: answers.shift() }),
  );
  const args = ['apply', '-f', bundle, '--yes', '--wait=250', '--url', server.url];
  const first = await run(args);
  assert.equal(first.code, 0);
  assert.match(first.stdout, /All live edges have it\.\n$/);
  assert.equal(server.requests[1]?.path, '/v1/apply?wait=converged&timeout=250');
  const second = await run(args);
  assert.equal(second.code, 1);
  assert.match(second.stderr, /not every live edge has the change yet\n.*waited 250 ms/);
});

test('faults that the server finds are located in the file', async (t) => {
  const server = await startContractServer(t, () => ({
    status: 422,
    body: {
      ...{ type: 'urn:headgate:error:HG_API_INVALID', title: 'The resource is not valid' },
      ...{ status: 422, code: 'HG_API_INVALID' },
      errors: [{ path: 'tenants.acme.planId', value: 'silver', rule: 'there is no such plan' }],
    },
  }));
  const { code, stderr } = await run(['apply', '-f', bundle, '--yes', '--url', server.url]);
  assert.equal(code, 3);
  assert.equal(
    stderr,
    `error: The resource is not valid (HG_API_INVALID): 1 fault
  ${bundle}:6:5  tenants.acme.planId = "silver"
      there is no such plan
`,
  );
});

test('a bundle with faults is not sent', async (t) => {
  const server = await startContractServer(t, (request) => applyAnswer(request));
  const args = ['apply', '-f', '-', '--yes', '--url', server.url];
  const { code, stderr } = await run(args, { stdin: 'apiVersion: headgate/v2\n' });
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^error: standard input is not a valid bundle: 1 fault\n {2}standard input:1:1/,
  );
  assert.equal(server.requests.length, 0);
});

test('get follows the pages of a list and prints a table', async (t) => {
  const tenant = (id: string, identity: object) => ({
    ...{ id, planId: 'gold', status: 'active', identity, revision: 3 },
    limits: [{ name: 'burst', limit: 100, windowMs: 60_000 }],
  });
  const acme = tenant('acme', { hosts: ['a.example', 'b.example'], pathPrefixes: ['/acme'] });
  const globex = { ...tenant('globex', { headerValues: ['globex'] }), limits: [] };
  const server = await startContractServer(t, ({ path }) => ({
    body: path.includes('cursor=next')
      ? { items: [globex], nextCursor: null }
      : { items: [acme], nextCursor: 'next' },
  }));
  const table = await run(['get', 'tenants', '--url', server.url]);
  assert.deepEqual(table, {
    code: 0,
    stderr: '',
    stdout: `ID      PLAN  STATUS  RECOGNISED BY                LIMITS        REVISION
acme    gold  active  a.example, b.example, /acme  burst 100/1m  3
globex  gold  active  header globex                -             3
`,
  });
  const yaml = await run(['--output', 'yaml', 'get', 'tenants', '--url', server.url]);
  assert.match(yaml.stdout, /^- id: acme\n {2}planId: gold\n/);
});

test('get prints one resource, and the kinds of a tenant need --tenant', async (t) => {
  const route = {
    ...{ id: 'web', upstreamId: 'main', auth: 'api_key', revision: 4 },
    match: { hosts: [], path: { prefix: '/v1' }, methods: ['GET', 'POST'] },
  };
  const server = await startContractServer(t, () => ({ body: route }));
  const one = await run(['get', 'route', 'web', '-t', 'acme', '--url', server.url]);
  assert.equal(
    one.stdout,
    'ID   MATCH          UPSTREAM  AUTH     LIMITS  REVISION\nweb  GET|POST /v1*  main      api_key  -       4\n',
  );
  assert.equal(server.requests[0]?.path, '/v1/tenants/acme/routes/web');
  const json = await run(['get', 'route', 'web', '-t', 'acme', '-o', 'json', '--url', server.url]);
  assert.deepEqual(JSON.parse(json.stdout), route);

  const missing = await run(['get', 'routes', '--url', server.url]);
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /^error: routes belong to a tenant; which one\?\n {2}Example: /);
});

test('get narrows lists by what a kind can be narrowed by, and by nothing else', async (t) => {
  const server = await startContractServer(t, () => ({ body: { items: [], nextCursor: null } }));
  const get = (...args: string[]) => run(['get', ...args, '--url', server.url]);
  await get(
    'tenants',
    '-l',
    'region=eu',
    '--label',
    'tier',
    '--status',
    'active',
    '--plan',
    'gold',
  );
  await get('routes', '-t', 'acme', '--upstream', 'web', '--auth', 'none');
  assert.deepEqual(
    server.requests.map(({ path }) => path),
    [
      '/v1/tenants?label=region%3Deu&label=tier&status=active&planId=gold&limit=500',
      '/v1/tenants/acme/routes?upstreamId=web&auth=none&limit=500',
    ],
  );
  const foreign = await get('plans', '--status', 'active');
  assert.deepEqual([foreign.code, server.requests.length], [2, 2]);
  assert.match(foreign.stderr, /^error: plans cannot be filtered by status\n/);
  assert.equal((await get('tenant', 'acme', '--plan', 'gold')).code, 2);
});

test('status --check fails if something is wrong', async (t) => {
  const server = await startContractServer(t, () => ({
    body: {
      ...{ revision: 1, edges: [], upstreams: [], outbox: { pending: 0 } },
      healthServices: [{ id: 'h', live: true }],
      ...{ store: { kind: 'pglite', ok: true }, bus: { connected: true } },
    },
  }));
  const plain = await run(['status', '--url', server.url]);
  assert.equal(plain.code, 0);
  assert.match(plain.stdout, /Wrong:\n {2}no edge is live\n$/);
  const check = await run(['status', '--check', '--url', server.url]);
  assert.equal(check.code, 1);
  assert.match(check.stderr, /^error: 1 thing is wrong\n/);
});

test('key create prints the key alone on standard output', async (t) => {
  const key = `hgk_${'x'.repeat(43)}`;
  const server = await startContractServer(t, () => ({ status: 201, body: { id: 'ci', key } }));
  const args = ['key', 'create', 'acme', 'ci', '--name', 'CI', '--url', server.url];
  const { code, stdout, stderr } = await run(args);
  assert.deepEqual([code, stdout], [0, `${key}\n`]);
  assert.match(stderr, /only time the key is shown/);
  const [request] = server.requests;
  assert.equal(request?.path, '/v1/tenants/acme/api-keys/ci');
  assert.deepEqual(request?.body, { name: 'CI' });
});

test('key hash prints the SHA-256 of the key without its line end', async () => {
  const hashed = await run(['key', 'hash'], { stdin: 'hgk_abc\n' });
  assert.deepEqual(hashed, {
    code: 0,
    stdout: 'd6358967b9fae31238320086facf9d7a8682fdaea9c5b0dedc79007df762517e\n',
    stderr: '',
  });
  assert.match((await run(['key', 'hash'], { stdin: 'abc' })).stderr, /start with hgk_/);
  assert.equal((await run(['key', 'hash'])).code, 2);
});

for (const [name, status, body, code, expected] of [
  [
    'a wrong token',
    401,
    { title: 'A token is required', code: 'HG_API_UNAUTHENTICATED' },
    3,
    'error: GET /v1/status: A token is required (HG_API_UNAUTHENTICATED)\n' +
      '  The token came from HEADGATE_ADMIN_TOKEN. Set another with HEADGATE_ADMIN_TOKEN or --token.\n',
  ],
  [
    'a fault of the server',
    503,
    { title: 'No store', detail: 'It is down.', requestId: 'r1' },
    1,
    "error: GET /v1/status: No store\n  It is down.\n  Request id, to find it in the server's log: r1\n",
  ],
  [
    'a proxy in between',
    502,
    '<html>',
    1,
    'error: GET /v1/status was answered with status 502\n' +
      '  The answer is not that of a config-service; check --url.\n',
  ],
  ['another program', 200, { hello: 'world' }, 1, 'does not answer as a config-service does'],
] as const) {
  test(`${name} is told apart, with exit code ${code}`, async (t) => {
    const server = await startContractServer(t, () => ({ status, body }));
    const result = await run(['status', '--url', server.url]);
    assert.equal(result.code, code);
    assert.ok(result.stderr.includes(expected), result.stderr);
    assert.equal(result.stdout, '');
  });
}

test('a variable that makes no sense is a usage error that names it', async () => {
  const { code, stderr } = await run(['status'], { env: { HEADGATE_URL: 'localhost:8090' } });
  assert.equal(code, 2);
  assert.match(stderr, /^error: the environment is not valid\n {2}HEADGATE_URL=.*must be http/);
});

test('a server that does not answer gives exit code 4 and says where it was looked for', async () => {
  const { code, stderr } = await run(['status'], { env: { HEADGATE_URL: 'http://127.0.0.1:1' } });
  assert.equal(code, 4);
  assert.match(
    stderr,
    /^error: cannot reach the config-service at http:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/,
  );
});

test('https:// to a server without TLS: where, and what to do', async (t) => {
  const server = createServer((_, response) => response.end('{}'));
  t.after(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo; // a TCP server that listens
  const env = { HEADGATE_URL: `https://127.0.0.1:${port}` };
  const { code, stderr } = await run(['status'], { env });
  assert.equal(code, 4);
  assert.match(stderr, /^error: what answers at https:\/\/127\.0\.0\.1:\d+ does not speak TLS\n/);
  assert.match(stderr, /^ {2}Use http:\/\/127\.0\.0\.1:\d+ /m);
});

test('a template that is not there is called one', async () => {
  const { code, stderr } = await run(['onboard', 'acme', '--template', 'nofile', '--print']);
  assert.equal(code, 1);
  assert.match(stderr, /^error: cannot read the template: ENOENT.*'nofile'/);
});

test('validate tells a terminal that it is still reading, unless somebody types there', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const folder = await temporaryDirectory('cli');
  t.after(() => folder.remove());
  const tenant = 'apiVersion: headgate/v1\ntenants:\n';
  for (let index = 0; index < 100; index++) {
    const text = `${tenant}  t${index}: { planId: p }\n`;
    await writeFile(join(folder.path, `${index}.yaml`), text);
  }
  let isDone = false;
  const tick = (): void => {
    t.mock.timers.tick(1000);
    if (!isDone) setImmediate(tick);
  };
  tick();
  const { code, stdout, stderr } = await run(['validate', '-f', folder.path], { terminal: true });
  isDone = true;
  assert.equal(code, 0, stderr);
  assert.match(stdout, /is valid: plans 0, tenants 100/);
  assert.ok(stderr.includes(`\rreading ${folder.path} … `), stderr);
  const typed = await run(['validate', '-f', '-'], {
    terminal: true,
    stdin: `${tenant}  a: { planId: p }`,
  });
  assert.equal(typed.code, 0, typed.stderr);
  assert.doesNotMatch(typed.stderr, /reading/);
});

for (const args of [
  ['apply'],
  ['get'],
  ['get', 'things'],
  ['frobnicate'],
  ['apply', '-f', 'x', '--wait=soon'],
  ['status', '-o', 'xml'],
  ['status', '--url', 'ftp://x'],
  ['history'],
  ['history', 'acme', '--limit', '0x10'],
  ['diff'],
  ['diff', 'acme'],
  ['diff', 'acme', 'old'],
  ['diff', 'acme', '1', '-f', 'x'],
  ['drift', '-f', 'x', '--watch', '5'],
  ['drift', '-f', 'x', '--watch', '1ms'],
  ['drift', '-f', 'x', '--watch', '25h'],
  ['drift', '-f', '-', '--watch', '5s'],
  ['onboard', 'acme'],
  ['completion', 'tcsh'],
  ['validate'],
  ['plan'],
  ['rollback', 'acme'],
  ['rollback', 'acme', '0'],
  ['rollback', 'acme', '1', '--api-keys', 'all'],
  ['export'],
  ['import'],
  ['import', '-f', 'x', '--on-conflict', 'merge'],
  ['import', '-f', 'x', '--from', 'haproxy'],
  ['import', '-f', 'x', '--from', 'kong', '--tenant', 'acme'],
  ['import', '-f', 'x', '--tenant', 'acme'],
  ['export', 'acme', '--all'],
  ['audit', '--action', 'read'],
  ['no-such-command', '--help'],
  ['help', 'no-such-command'],
  ['--url', 'http://127.0.0.1:1', 'no-such-command', '--help'],
  ['rollout', 'strat', '--help'],
]) {
  test(`usage error, exit code 2: headgate ${args.join(' ')}`, async () => {
    const { code, stderr, stdout } = await run(args);
    assert.equal(code, 2);
    assert.match(stderr, /^error: /);
    assert.equal(stdout, '');
  });
}

for (const command of [
  [],
  ['validate'],
  ['schema'],
  ['plan'],
  ['apply'],
  ['get'],
  ['status'],
  ['history'],
  ['diff'],
  ['drift'],
  ['import'],
  ['onboard'],
  ['completion'],
  ['rollback'],
  ['export'],
  ['audit'],
  ['key'],
  ['key', 'create'],
  ['key', 'hash'],
]) {
  test(`help with examples: headgate ${command.join(' ')} --help`, async () => {
    const { code, stdout } = await run([...command, '--help']);
    assert.equal(code, 0);
    assert.match(stdout, /\n {2}\$ (.*\| )?(KEY=\$\()?headgate /);
    assert.equal((await run(['help', ...command])).stdout, stdout);
  });
}

test('colours need a terminal, and neither NO_COLOR nor --no-color', async (t) => {
  const server = await startContractServer(t, (request) => applyAnswer(request));
  const args = ['apply', '-f', bundle, '--dry-run', '--url', server.url];
  const isColored = async (...parameters: Parameters<typeof run>) =>
    (await run(...parameters)).stdout.includes('\u001b[');
  assert.equal(await isColored(args, { terminal: true }), true);
  assert.equal(await isColored(args), false);
  assert.equal(await isColored(args, { terminal: true, env: { NO_COLOR: '1' } }), false);
  assert.equal(await isColored([...args, '--no-color'], { terminal: true }), false);
  assert.equal(await isColored(['--no-color', ...args], { terminal: true }), false);
});

test('the installed command runs', () => {
  const bin = fileURLToPath(new URL('../bin/headgate.mjs', import.meta.url));
  const { status, stdout } = spawnSync(process.execPath, [bin, '--version'], { encoding: 'utf8' });
  assert.deepEqual([status, stdout], [0, '0.1.0\n']);
});

for (const [stream, args] of [
  ['stdout', ['--help']],
  ['stderr', ['no-such-command']],
] as const) {
  test(`a reader of ${stream} that goes away ends the command quietly`, async () => {
    const program = fileURLToPath(new URL('../src/main.ts', import.meta.url));
    const child = spawn(process.execPath, [program, ...args], { stdio: 'pipe' });
    let printed = '';
    const other = stream === 'stdout' ? child.stderr : child.stdout;
    other.setEncoding('utf8').on('data', (chunk: string) => (printed += chunk));
    child[stream].destroy();
    assert.deepEqual(await once(child, 'close'), [141, null]);
    assert.equal(printed, '');
  });
}
