import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import { createRecordingOrigin, type RecordingOrigin } from '@headgate/testkit';
import {
  planDocument,
  startTestEdge,
  tenantDocument,
  type TestEdge,
} from './support/edge-process.ts';
import { requestOnce } from './support/raw-client.ts';
import type { RawResponse } from './support/raw-responses.ts';
import { targetOf, valuesOf } from './support/recorded-head.ts';

const KEY = `hgk_${'k'.repeat(43)}`;
const EXPIRED_KEY = `hgk_${'e'.repeat(43)}`;
const OTHER_TENANTS_KEY = `hgk_${'o'.repeat(43)}`;
const SECRET_HOST = 'origin-of-a.internal';

let origin: RecordingOrigin;
/** Trusts 127.0.0.1 to name tenants, and traces each request (to a collector that is down). */
let trustingEdge: TestEdge;
let edge: TestEdge;

before(async () => {
  origin = await createRecordingOrigin();
  const endpoints = [{ host: '127.0.0.1', port: origin.port }];
  const upstreams = {
    [SECRET_HOST.replaceAll('.', '-')]: { endpoints },
    dead: { endpoints: [{ host: '127.0.0.1', port: 1 }] },
  };
  const upstreamId = SECRET_HOST.replaceAll('.', '-');
  const keyed = { match: { path: { prefix: '/keyed' } }, upstreamId, auth: 'api_key' };
  const documents = [
    planDocument(),
    tenantDocument({
      id: 'a',
      hosts: ['a.test', '*.a.test', 'xn--bcher-kva.test'],
      headerValues: ['tenant-a'],
      upstreams,
      routes: {
        rest: { upstreamId },
        keyed,
        stripped: { match: { path: { prefix: '/api/v1' } }, upstreamId, stripPrefix: true },
        dead: { match: { path: { prefix: '/dead' } }, upstreamId: 'dead' },
      },
      apiKeys: {
        main: { key: KEY },
        old: { key: EXPIRED_KEY, expiresAt: '2020-01-01T00:00:00Z' },
      },
    }),
    tenantDocument({
      id: 'b',
      hosts: ['b.test'],
      pathPrefixes: ['/tenants/b'],
      headerValues: ['tenant-b'],
      upstreams,
      routes: {
        rest: { match: { path: { prefix: '/tenants/b' } }, upstreamId },
        keyed,
        'get-only': { match: { path: { exact: '/get' }, methods: ['HEAD', 'GET'] }, upstreamId },
      },
      apiKeys: { main: { key: OTHER_TENANTS_KEY } },
    }),
    tenantDocument({ id: 's', hosts: ['s.test'], status: 'suspended', upstreams, routes: {} }),
  ];
  [edge, trustingEdge] = await Promise.all([
    startTestEdge({ documents }),
    startTestEdge({
      documents,
      env: {
        HEADGATE_EDGE_TRUSTED_PROXIES: '127.0.0.0/8',
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
        OTEL_TRACES_SAMPLER_ARG: '1',
      },
    }),
  ]);
});

after(async () => {
  await origin.close();
  await Promise.all([edge.stop(), trustingEdge.stop()]);
});

beforeEach(() => origin.respondWith(() => 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));

interface Ask {
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  readonly headers?: readonly string[];
  readonly at?: TestEdge;
}

function ask({ method = 'GET', path = '/', host = 'a.test', headers = [], at = edge }: Ask) {
  const lines = [`${method} ${path} HTTP/1.1`, `Host: ${host}`, ...headers];
  return requestOnce(at.port, `${lines.join('\r\n')}\r\n\r\n`);
}

const seen = () => origin.requests.at(-1);

/** Asserts that the edge itself answered, in the one format, and that the backend saw nothing. */
async function assertLocal(ask_: Promise<RawResponse>, status: number, code: string) {
  const before = origin.requests.length;
  const response = await ask_;
  assert.equal(response.status, status, response.body);
  assert.equal(response.get('content-type'), 'application/problem+json');
  const problem = JSON.parse(response.body) as Record<string, unknown>;
  assert.equal(problem['code'], code);
  assert.equal(problem['status'], status);
  assert.equal(problem['type'], `urn:headgate:error:${code}`);
  assert.equal(problem['requestId'], response.get('x-request-id'));
  assert.notEqual(response.get('date'), '');
  assert.equal(response.get('cache-control'), 'no-store');
  assert.equal(origin.requests.length, before);
  const whole = JSON.stringify(response.headers) + response.body;
  for (const secret of ['127.0.0.1', String(origin.port), 'internal', 'node:', '.ts:', KEY]) {
    assert.ok(!whole.includes(secret), `leaks ${secret}: ${whole}`);
  }
  return response;
}

suite('identify tenant', () => {
  const found: readonly [string, Ask, string][] = [
    ['exact host', {}, 'a'],
    ['host in capitals with port and trailing dot', { host: 'A.TeSt.:8080' }, 'a'],
    ['wildcard host', { host: 'x.y.a.test' }, 'a'],
    ['punycode host', { host: 'XN--BCHER-KVA.test' }, 'a'],
    ['absolute-form', { path: 'http://a.test/x' }, 'a'],
    ['path prefix on a host of nobody', { host: 'nobody.test', path: '/tenants/b/x' }, 'b'],
  ];
  for (const [title, request, tenant] of found) {
    test(`by ${title}`, async () => {
      assert.equal((await ask(request)).status, 200);
      assert.deepEqual(valuesOf(seen(), 'x-tenant-id'), [tenant]);
    });
  }

  const refused: readonly [string, Ask, number, string][] = [
    ['unknown host', { host: 'nobody.test' }, 404, 'HG_TENANT_UNKNOWN'],
    ['host that only ends like a tenant', { host: 'xa.test' }, 404, 'HG_TENANT_UNKNOWN'],
    ['parent of a wildcard', { host: 'test' }, 404, 'HG_TENANT_UNKNOWN'],
    ['IP address', { host: '127.0.0.1' }, 404, 'HG_TENANT_UNKNOWN'],
    [
      'path prefix that is not a whole segment',
      { host: 'n.test', path: '/tenants/bb' },
      404,
      'HG_TENANT_UNKNOWN',
    ],
    [
      'header from a source that is not trusted',
      { host: 'n.test', headers: ['X-Tenant-ID: tenant-a'] },
      404,
      'HG_TENANT_UNKNOWN',
    ],
    ['empty label', { host: 'a..test' }, 400, 'HG_HTTP_MALFORMED'],
    ['ideographic full stop', { host: 'a\xe3\x80\x82test' }, 400, 'HG_HTTP_MALFORMED'],
    ['suspended tenant', { host: 's.test' }, 403, 'HG_TENANT_SUSPENDED'],
    ['path of no route', { host: 'b.test', path: '/nothing' }, 404, 'HG_ROUTE_NOT_FOUND'],
  ];
  for (const [title, request, status, code] of refused) {
    test(`${title}: ${status}`, async () => {
      await assertLocal(ask(request), status, code);
    });
  }

  test('by the header of a trusted source, on a host of nobody', async () => {
    const headers = ['X-Tenant-ID: tenant-a'];
    await ask({ host: 'n.test', headers, at: trustingEdge });
    assert.deepEqual(valuesOf(seen(), 'x-tenant-id'), ['a']);
  });

  for (const headers of [
    ['X-Tenant-ID: tenant-b'],
    ['X-Tenant-ID: nobody'],
    ['X-Tenant-ID: tenant-a', 'x-tenant-id: tenant-b'],
  ]) {
    test(`a header that contradicts the host (${headers.join(', ')}): 403`, async () => {
      await assertLocal(ask({ headers, at: trustingEdge }), 403, 'HG_TENANT_CONFLICT');
    });
  }
});

suite('match route', () => {
  test('another method: 405 with Allow', async () => {
    const patch = ask({ method: 'PATCH', path: '/get', host: 'b.test' });
    const response = await assertLocal(patch, 405, 'HG_ROUTE_METHOD_NOT_ALLOWED');
    assert.equal(response.get('allow'), 'GET, HEAD');
  });

  test('stripPrefix removes whole segments and keeps the query', async () => {
    await ask({ path: '/api/v1/x?y=/api/v1' });
    assert.equal(targetOf(seen()), '/x?y=/api/v1');
    await ask({ path: '/api/v1?q' });
    assert.equal(targetOf(seen()), '/?q');
    await ask({ path: '/api/v11' });
    assert.equal(targetOf(seen()), '/api/v11');
  });

  const kept = ['/a;x=y', '/a%20b', '/%252f', '/a/', '/caf%C3%A9?q=%2f%00', '/A', '/a?b?c=//..'];
  for (const path of kept) {
    test(`${path} is forwarded byte by byte`, async () => {
      await ask({ path });
      assert.equal(targetOf(seen()), path);
    });
  }

  const ambiguous = [
    '/a/..;/keyed',
    '/%2e%2e/keyed',
    '/a%2fkeyed',
    '//keyed',
    '/./keyed',
    '/\\keyed',
  ];
  for (const path of [...ambiguous, '/a%5ckeyed', '/keyed%00', '/a/..', '/x/%2E/keyed', '/%zz']) {
    test(`${path} could mean another path to a backend: 400`, async () => {
      await assertLocal(ask({ path }), 400, 'HG_HTTP_MALFORMED');
    });
  }
});

suite('authenticate', () => {
  test('X-API-Key and bearer token are accepted and not forwarded', async () => {
    for (const header of [`X-API-Key: ${KEY}`, `Authorization: bearer ${KEY}`]) {
      assert.equal((await ask({ path: '/keyed', headers: [header] })).status, 200);
      assert.ok(!(seen()?.head ?? KEY).includes(KEY), 'the backend does not get the credential');
    }
  });

  test("a backend's own Authorization passes beside X-API-Key", async () => {
    const headers = [`X-API-Key: ${KEY}`, 'Authorization: Basic eDp5'];
    await ask({ path: '/keyed', headers });
    assert.deepEqual(valuesOf(seen(), 'authorization'), ['Basic eDp5']);
  });

  const refused: readonly [string, readonly string[], string][] = [
    ['no key', [], 'HG_AUTH_REQUIRED'],
    ['a basic credential', ['Authorization: Basic eDp5'], 'HG_AUTH_REQUIRED'],
    ['a wrong key', [`X-API-Key: ${KEY}x`], 'HG_AUTH_INVALID'],
    ['an empty key', ['X-API-Key:'], 'HG_AUTH_INVALID'],
    ['an expired key', [`X-API-Key: ${EXPIRED_KEY}`], 'HG_AUTH_INVALID'],
    ['a key of another tenant', [`X-API-Key: ${OTHER_TENANTS_KEY}`], 'HG_AUTH_INVALID'],
    ['two keys', [`X-API-Key: ${KEY}`, `X-API-Key: ${KEY}`], 'HG_AUTH_INVALID'],
    ['a prototype name', ['X-API-Key: __proto__'], 'HG_AUTH_INVALID'],
  ];
  for (const [title, headers, code] of refused) {
    test(`${title}: 401 with a challenge`, async () => {
      const response = await assertLocal(ask({ path: '/keyed', headers }), 401, code);
      assert.match(response.get('www-authenticate'), /^Bearer realm="headgate"/);
    });
  }

  test('a key in the query is no credential', async () => {
    await assertLocal(ask({ path: `/keyed?api_key=${KEY}` }), 401, 'HG_AUTH_REQUIRED');
  });
});

suite('headers to the backend', () => {
  const spoofed = [
    'x-tenant-id: b',
    'X-TENANT-ID:  c ',
    'X-Consumer: root',
    'X-Forwarded-For: 10.1.1.1',
    'X-Forwarded-For: 10.2.2.2',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Host: evil.test',
    'X-Forwarded-Port: 1',
    'X-Real-IP: 10.1.1.1',
    'X-Forwarded-User: root',
    'X-Headgate-Tenant: b',
    'X-Original-URL: /admin',
    'Forwarded: for=10.1.1.1',
    'X-Request-Id: chosen-by-client',
  ];
  const nominated =
    'Connection: X-Tenant-ID, X-Forwarded-For, X-Request-Id, Via, X-Forwarded-Proto';
  for (const headers of [spoofed, [...spoofed, nominated]]) {
    test(`what a client spoofs is replaced by one value${headers === spoofed ? '' : ', nominated or not'}`, async () => {
      const response = await ask({ headers });
      const request = seen();
      assert.deepEqual(valuesOf(request, 'x-tenant-id'), ['a']);
      assert.deepEqual(valuesOf(request, 'x-forwarded-for'), ['127.0.0.1']);
      assert.deepEqual(valuesOf(request, 'x-forwarded-proto'), ['http']);
      assert.deepEqual(valuesOf(request, 'x-forwarded-host'), ['a.test']);
      assert.deepEqual(valuesOf(request, 'via'), ['1.1 headgate']);
      assert.deepEqual(valuesOf(request, 'x-request-id'), [response.get('x-request-id')]);
      for (const name of [
        'x-consumer',
        'x-real-ip',
        'x-forwarded-user',
        'x-headgate-tenant',
        'x-original-url',
        'forwarded',
        'x-forwarded-port',
        'connection',
      ]) {
        assert.deepEqual(valuesOf(request, name), [], name);
      }
      assert.notEqual(response.get('x-request-id'), 'chosen-by-client');
    });
  }

  for (const alias of ['X_Tenant_ID: b', 'X_Forwarded_For: 1.1.1.1', 'Content_Length: 5']) {
    test(`the alias ${alias} is refused`, async () => {
      await assertLocal(ask({ headers: [alias] }), 400, 'HG_HTTP_MALFORMED');
    });
  }

  test('a trusted proxy extends X-Forwarded-For, all its lines, and sets the protocol', async () => {
    const headers = [
      'X-Forwarded-For: 10.1.1.1',
      'X-Forwarded-For: 10.2.2.2',
      'X-Forwarded-Proto: https',
    ];
    await ask({ headers, at: trustingEdge });
    assert.deepEqual(valuesOf(seen(), 'x-forwarded-for'), ['10.1.1.1, 10.2.2.2, 127.0.0.1']);
    assert.deepEqual(valuesOf(seen(), 'x-forwarded-proto'), ['https']);
  });

  test('hop-by-hop fields and what Connection nominates go no further', async () => {
    const hop = [
      'Keep-Alive: timeout=5',
      'Proxy-Connection: keep-alive',
      'TE: trailers',
      'X-Drop: 1',
    ];
    const headers = [...hop, 'Proxy-Authorization: x', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'];
    await ask({
      headers: [...headers, 'X-Keep: 1', 'Connection: Upgrade, HTTP2-Settings, X-Drop'],
    });
    const head = (seen()?.head ?? '').toLowerCase();
    for (const name of [
      'keep-alive',
      'proxy-',
      'te:',
      'x-drop',
      'upgrade',
      'http2',
      'connection',
    ]) {
      assert.ok(!head.includes(`\n${name}`), `${name} in ${head}`);
    }
    assert.deepEqual(valuesOf(seen(), 'x-keep'), ['1']);
  });

  test('Via lists the proxies before this one and the version the client spoke', async () => {
    await requestOnce(
      edge.port,
      'GET / HTTP/1.0\r\nHost: a.test\r\nVia: 1.1 x\r\nVia: 1.0 y\r\n\r\n',
    );
    assert.deepEqual(valuesOf(seen(), 'via'), ['1.1 x, 1.0 y, 1.0 headgate']);
  });

  test('a trace is continued', async () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const headers = [`traceparent: 00-${traceId}-b7ad6b7169203331-00`, 'tracestate: a=1'];
    for (const at of [edge, trustingEdge]) {
      await ask({ headers, at });
      const pattern = new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`);
      assert.match(valuesOf(seen(), 'traceparent').join(), pattern);
      assert.deepEqual(valuesOf(seen(), 'tracestate'), ['a=1']);
    }
  });

  test('where tracing is on, a trace is begun if the client sends none that is valid', async () => {
    await ask({ headers: ['traceparent: 00-garbage'], at: trustingEdge });
    assert.match(valuesOf(seen(), 'traceparent').join(), /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    await ask({ headers: ['traceparent: 00-garbage'] });
    assert.deepEqual(valuesOf(seen(), 'traceparent'), []);
  });
});

suite('headers to the client', () => {
  test('request id, Via and a Date if there is none; cookies stay apart', async () => {
    origin.respondWith(
      () =>
        'HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nVia: 1.1 cdn\r\nX-Request-Id: of-backend\r\n' +
        'Keep-Alive: timeout=9\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nContent-Length: 0\r\n\r\n',
    );
    const response = await ask({});
    assert.deepEqual(response.all('set-cookie'), ['a=1', 'b=2']);
    assert.deepEqual(response.all('via'), ['1.1 cdn, 1.1 headgate']);
    assert.equal(response.all('x-request-id').length, 1);
    assert.notEqual(response.get('x-request-id'), 'of-backend');
    assert.ok(Math.abs(Date.parse(response.get('date')) - Date.now()) < 5000);
    for (const name of ['keep-alive', 'x-hop', 'connection'])
      assert.deepEqual(response.all(name), []);
  });

  test("the backend's own Date stays", async () => {
    const date = 'Tue, 15 Nov 1994 08:12:31 GMT';
    origin.respondWith(() => `HTTP/1.1 200 OK\r\nDate: ${date}\r\nContent-Length: 0\r\n\r\n`);
    assert.deepEqual((await ask({})).all('date'), [date]);
  });
});

suite('local replies', () => {
  for (const method of ['CONNECT', 'TRACE']) {
    test(`${method} is refused with Allow`, async () => {
      const path = method === 'CONNECT' ? 'a.test:80' : '/';
      const response = await assertLocal(ask({ method, path }), 405, 'HG_HTTP_METHOD_NOT_ALLOWED');
      assert.match(response.get('allow'), /^GET, HEAD, /);
    });
  }

  test('HEAD gets the head only', async () => {
    const response = await ask({ method: 'HEAD', host: 'nobody.test' });
    assert.equal(response.status, 404);
    assert.ok(Number(response.get('content-length')) > 100);
    assert.equal(response.body, '');
  });

  test('an unreachable upstream leaks no address', async () => {
    const response = await assertLocal(ask({ path: '/dead' }), 503, 'HG_UPSTREAM_NONE_AVAILABLE');
    assert.equal(response.get('retry-after'), '1');
  });
});
