import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, before, suite, test } from 'node:test';
import {
  createHttpOrigin,
  createRecordingOrigin,
  createTokenKey,
  waitFor,
  type HttpOrigin,
  type RecordingOrigin,
  type TokenKey,
} from '@headgate/testkit';
import {
  planDocument,
  startTestEdge,
  tenantDocument,
  type TestEdge,
  type TestTenant,
} from './support/edge-process.ts';
import { metricValue } from './support/edge-metrics.ts';
import { endpointsAt, routeTo } from './support/one-tenant-edge.ts';
import { connectRaw, requestOnce } from './support/raw-client.ts';
import type { RawResponse } from './support/raw-responses.ts';

const ISSUER = 'https://login.test';

/** What the server of keys answers at a path; others get the keys. */
const answers = new Map<string, (response: ServerResponse) => void>();
let fetched: string[] = [];
let keyServer: HttpOrigin;
let origin: RecordingOrigin;
let edge: TestEdge;
let key: TokenKey;
let stranger: TokenKey;
let slow: TokenKey;

before(async () => {
  [key, stranger] = [await createTokenKey(), await createTokenKey()];
  slow = await createTokenKey('ES384');
  origin = await createRecordingOrigin();
  keyServer = await createHttpOrigin((request, response) => {
    const path = request.url ?? '';
    fetched.push(path);
    const answer = answers.get(path);
    if (answer !== undefined) return answer(response);
    response.end(JSON.stringify({ keys: [key.jwk] }));
  });
  const at = (path: string) => ({ jwksUri: `${keyServer.url}${path}` });
  const tenants = [
    tenant('a', {
      login: { jwks: { keys: [key.jwk] } },
      other: { issuer: 'https://other.test', ...at('/none') },
    }),
    tenant('b', { login: { jwks: { keys: [stranger.jwk] } } }),
    ...['remote', 'body', 'gone', 'late', 'silent', 'unknown'].map((id) =>
      tenant(id, { login: at(`/${id}`) }),
    ),
    ...['redirect', 'endless', 'gzip', 'html'].map((id) => tenant(id, { login: at(`/${id}`) })),
    tenant('slow', { login: { algorithms: ['ES384'], jwks: { keys: [slow.jwk] } } }),
    tenant('metadata', { login: { jwksUri: 'https://169.254.169.254/jwks' } }),
    tenant('plain', { login: { jwksUri: 'http://10.0.0.1/jwks' } }),
  ];
  edge = await startTestEdge({
    documents: [planDocument(), ...tenants],
    env: { HEADGATE_ENDPOINT_ADDRESSES_ALLOWED: '127.0.0.0/8' },
  });
});
after(async () => {
  await edge.stop();
  await Promise.all([origin.close(), keyServer.close()]);
});

/** A tenant whose requests need a token of `login`, those below `/write` the scope `write` as well. */
function tenant(id: string, issuers: Readonly<Record<string, object>>) {
  const jwt = { issuerIds: Object.keys(issuers) };
  const each = { name: 'each', limit: 2, windowMs: 600_000, per: 'consumer' };
  const settings: TestTenant = {
    id,
    hosts: [`${id}.test`],
    upstreams: { main: { endpoints: endpointsAt(origin.port) } },
    routes: {
      rest: routeTo('main', '/', { auth: 'jwt', jwt }),
      write: routeTo('main', '/write', { auth: 'jwt', jwt: { ...jwt, scopes: ['write', 'all'] } }),
      few: routeTo('main', '/few', { auth: 'jwt', jwt, limits: [each] }),
      open: routeTo('main', '/open'),
    },
    jwtIssuers: Object.fromEntries(
      Object.entries(issuers).map(([name, issuer]) => [
        name,
        { issuer: ISSUER, audiences: ['api'], leewayMs: 0, ...issuer },
      ]),
    ),
    apiKeys: { mobile: { key: 'hgk_mobile' } },
  };
  return tenantDocument(settings);
}

const sign = (claims: object = {}, signer = key, header: object = {}): Promise<string> => {
  const exp = Math.floor(Date.now() / 1000) + 300;
  return signer.sign({ iss: ISSUER, aud: 'api', sub: 'alice', exp, ...claims }, header);
};

const ask = (id: string, path: string, ...lines: readonly string[]): Promise<RawResponse> =>
  requestOnce(
    edge.port,
    [`GET ${path} HTTP/1.1`, `Host: ${id}.test`, 'Connection: close', ...lines, '', ''].join(
      '\r\n',
    ),
  );

/** The request for a path as the backend got it. */
const forwarded = (path: string) => origin.requests.find(({ head }) => head.split(' ')[1] === path);

const bearer = (token: string): string => `Authorization: Bearer ${token}`;

/** Status and code of an answer. */
async function outcome(pending: Promise<RawResponse>): Promise<readonly [number, string | null]> {
  const { status, body } = await pending;
  if (status === 200) return [200, null];
  const { code } = JSON.parse(body.toString()) as { readonly code: string };
  return [status, code];
}

const challengeOf = ({ headers }: RawResponse): string | undefined =>
  headers.find(([name]) => name.toLowerCase() === 'www-authenticate')?.[1];

suite('routes that want a JWT', () => {
  test('a valid token passes, and goes on to the backend; an API key beside it does not', async () => {
    const token = await sign();
    const lines = ['X-API-Key: hgk_mobile', 'X-Consumer: root', bearer(token)];
    assert.equal((await ask('a', '/passed', ...lines)).status, 200);
    const text = forwarded('/passed')?.head ?? '';
    assert.ok(text.includes(`\r\n${bearer(token)}\r\n`), text);
    assert.ok(!/x-api-key|x-consumer/i.test(text), text);
  });

  const REFUSED: readonly (readonly [string, () => Promise<readonly string[]>, string, string])[] =
    [
      ['nothing', async () => [], 'HG_AUTH_TOKEN_REQUIRED', ''],
      ['another scheme', async () => ['Authorization: Basic YTpi'], 'HG_AUTH_TOKEN_REQUIRED', ''],
      ['an API key', async () => ['X-API-Key: hgk_mobile'], 'HG_AUTH_TOKEN_REQUIRED', ''],
      [
        'no JWT',
        async () => [bearer('hgk_mobile')],
        'HG_AUTH_TOKEN_INVALID',
        ', error="invalid_token"',
      ],
      [
        'a token of another key',
        async () => [bearer(await sign({}, stranger))],
        'HG_AUTH_TOKEN_INVALID',
        ', error="invalid_token"',
      ],
      [
        'two tokens',
        async () => [bearer(await sign()), bearer(await sign())],
        'HG_AUTH_TOKEN_INVALID',
        ', error="invalid_request"',
      ],
      [
        'a token without the scopes',
        async () => [bearer(await sign({ scope: 'write' }))],
        'HG_AUTH_SCOPE_MISSING',
        ', error="insufficient_scope", scope="write all"',
      ],
    ];
  for (const [title, lines, code, error] of REFUSED) {
    test(`${title}: ${code}, with a challenge`, async () => {
      const answer = await ask('a', '/write', ...(await lines()));
      assert.equal(answer.status, code === 'HG_AUTH_SCOPE_MISSING' ? 403 : 401);
      assert.ok(answer.body.toString().includes(`"${code}"`), answer.body.toString());
      assert.equal(challengeOf(answer), `Bearer realm="headgate"${error}`);
    });
  }

  test('scopes, all of them, let it pass', async () => {
    const token = await sign({ scope: 'all read write' });
    assert.equal((await ask('a', '/write', bearer(token))).status, 200);
  });

  test('an expired token is told so, and one that is early; a forged one is not', async () => {
    const nowS = Math.floor(Date.now() / 1000);
    const detailOf = async (token: string): Promise<unknown> =>
      (JSON.parse((await ask('a', '/', bearer(token))).body.toString()) as Record<string, unknown>)[
        'detail'
      ];
    assert.equal(await detailOf(await sign({ exp: nowS })), 'The token has expired.');
    assert.equal(await detailOf(await sign({ nbf: nowS + 60 })), 'The token is not valid yet.');
    assert.equal(await detailOf(await sign({ exp: nowS }, stranger)), undefined);
  });

  test('the token of a tenant is none of another one, whose issuer has the same id and name', async () => {
    const [ofA, ofB] = [await sign(), await sign({}, stranger)];
    for (const [id, token, status] of [
      ['a', ofA, 200],
      ['b', ofA, 401],
      ['b', ofB, 200],
      ['a', ofB, 401],
      ['b', ofA, 401],
      ['a', ofA, 200],
    ] as const) {
      assert.equal((await ask(id, '/', bearer(token))).status, status, id);
    }
  });

  test('a verified token is taken until it expires, also on a connection that stays', async () => {
    const exp = Math.ceil(Date.now() / 1000) + 1;
    const request = `GET / HTTP/1.1\r\nHost: a.test\r\n${bearer(await sign({ exp }))}\r\n\r\n`;
    const client = await connectRaw(edge.port);
    let asked = 0;
    const status = async (): Promise<number> => {
      client.send(request);
      asked += 1;
      return (await client.response(asked - 1)).status;
    };
    assert.deepEqual([await status(), await status()], [200, 200]);
    await waitFor(async () => (await status()) === 401, { message: 'the end of the token' });
    assert.ok(Date.now() >= exp * 1000);
    client.close();
  });

  test('a token whose signature takes long is verified elsewhere, once', async () => {
    const other = await createTokenKey('ES384');
    for (const [signer, status] of [
      [slow, 200],
      [other, 401],
      [slow, 200],
    ] as const) {
      const token = await sign({}, signer);
      const client = await connectRaw(edge.port);
      const request = `GET / HTTP/1.1\r\nHost: slow.test\r\n${bearer(token)}\r\n\r\n`;
      client.send(request + request); // the second one waits behind the first
      assert.equal((await client.response(1)).status, status);
      assert.equal((await client.response(0)).status, status);
      client.close();
    }
  });

  test('limits per consumer count each consumer, and access records name it', async () => {
    const statuses: number[] = [];
    for (const sub of ['eve', 'eve', 'eve', 'eve@x "y"', 'mobile']) {
      statuses.push((await ask('a', '/few', bearer(await sign({ sub })))).status);
    }
    assert.deepEqual(statuses, [200, 200, 429, 200, 200]);
    const principals = (): readonly unknown[] =>
      edge.process
        .stdout()
        .filter((line) => line.startsWith('{"type":"access"') && line.includes('"/few"'))
        .map((line) => (JSON.parse(line) as Record<string, unknown>)['principalId']);
    await waitFor(() => principals().length === 5, { message: 'five records' });
    assert.deepEqual(principals().slice(2), [
      ...['login/eve', 'login/eve@x%20%22y%22', 'login/mobile'],
    ]);
  });
});

suite('keys that are fetched', () => {
  test('the first token waits for them, with its body; those after it do not', async () => {
    fetched = [];
    const held = Promise.withResolvers<ServerResponse>();
    answers.set('/body', (response) => held.resolve(response));
    const body = 'x'.repeat(300_000);
    const client = await connectRaw(edge.port);
    client.send(
      `POST /kept HTTP/1.1\r\nHost: body.test\r\n${bearer(await sign())}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    const response = await held.promise;
    assert.equal(forwarded('/kept'), undefined);
    response.end(JSON.stringify({ keys: [key.jwk] }));
    assert.equal((await client.response()).status, 200);
    assert.equal(forwarded('/kept')?.body.length, body.length);
    client.send(`GET / HTTP/1.1\r\nHost: body.test\r\n${bearer(await sign())}\r\n\r\n`);
    assert.equal((await client.response(1)).status, 200);
    client.close();
    assert.deepEqual(fetched, ['/body']);
  });

  test('many tokens that come at once share one fetch', async () => {
    fetched = [];
    const tokens = await Promise.all(Array.from({ length: 20 }, (_, n) => sign({ sub: `u${n}` })));
    const all = await Promise.all(tokens.map((token) => ask('remote', '/', bearer(token))));
    assert.deepEqual(new Set(all.map(({ status }) => status)), new Set([200]));
    assert.deepEqual(fetched, ['/remote']);
  });

  test('tokens with keys that nobody knows are refused, and cost one fetch', async () => {
    fetched = [];
    for (const kid of ['k9', '../../dev/null', '__proto__', 'k10']) {
      const token = await sign({}, stranger, { kid });
      const expected = [401, 'HG_AUTH_TOKEN_INVALID'];
      assert.deepEqual(await outcome(ask('unknown', '/', bearer(token))), expected, kid);
    }
    assert.equal((await ask('unknown', '/', bearer(await sign()))).status, 200);
    assert.deepEqual(fetched, ['/unknown']);
  });

  test('a client that goes away while it waits harms nobody', async () => {
    const held = Promise.withResolvers<ServerResponse>();
    answers.set('/gone', (response) => held.resolve(response));
    const client = await connectRaw(edge.port);
    client.send(`GET /gone HTTP/1.1\r\nHost: gone.test\r\n${bearer(await sign())}\r\n\r\n`);
    const response = await held.promise;
    client.socket.resetAndDestroy();
    await waitFor(() => edge.process.stdout().some((line) => line.includes('"path":"/gone"')), {
      message: 'its record',
    });
    response.end(JSON.stringify({ keys: [key.jwk] }));
    assert.equal((await ask('gone', '/', bearer(await sign()))).status, 200);
    assert.equal(forwarded('/gone'), undefined);
  });

  test('while they cannot be had tokens get 503, all else is served, and soon they are asked for again', async () => {
    answers.set('/late', (response) => response.writeHead(500).end());
    const token = await sign();
    const refused = await ask('late', '/', bearer(token));
    assert.deepEqual(
      [refused.status, refused.headers.some(([name]) => name === 'retry-after')],
      [503, true],
    );
    assert.ok(refused.body.toString().includes('HG_AUTH_ISSUER_UNAVAILABLE'));
    assert.equal((await ask('late', '/open')).status, 200);
    answers.delete('/late');
    await waitFor(async () => (await ask('late', '/', bearer(token))).status === 200, {
      message: 'the keys',
    });
  });

  test('a server that says nothing holds up the tokens of its tenant for 3 s, and nobody else', async () => {
    answers.set('/silent', () => undefined);
    const [token, startMs] = [await sign(), performance.now()];
    const silent = outcome(ask('silent', '/', bearer(token))).then((result) => {
      return { result, tookMs: performance.now() - startMs };
    });
    for (let n = 0; n < 20; n += 1) {
      assert.equal((await ask('a', '/', bearer(await sign({ sub: `s${n}` })))).status, 200);
    }
    assert.equal((await ask('silent', '/open')).status, 200);
    const othersMs = performance.now() - startMs;
    const { result, tookMs } = await silent;
    assert.deepEqual(result, [503, 'HG_AUTH_ISSUER_UNAVAILABLE']);
    assert.ok(othersMs < tookMs && tookMs >= 2900 && tookMs < 6000, `${othersMs}, ${tookMs} ms`);
  });

  answers.set('/redirect', (response) =>
    response.writeHead(302, { location: 'http://127.0.0.1:1/remote' }).end(),
  );
  answers.set('/gzip', (response) =>
    response.writeHead(200, { 'content-encoding': 'gzip' }).end('{"keys":[]}'),
  );
  answers.set('/html', (response) => response.end('<html>'));
  answers.set('/endless', (response) => {
    const pour = (): void => {
      while (!response.destroyed && response.write(' '.repeat(65_536)));
    };
    response.on('drain', pour);
    pour();
  });
  for (const [id, reason] of [
    ['redirect', /status 302/],
    ['gzip', /content coding/],
    ['html', /no JWK set/],
    ['endless', /more than 262144 bytes/],
    ['metadata', /a link-local address/],
    ['plain', /not allowed for http/],
  ] as const) {
    test(`${id}: there are none, and the log says why`, async () => {
      const token = await sign();
      const expected = [503, 'HG_AUTH_ISSUER_UNAVAILABLE'];
      assert.deepEqual(await outcome(ask(id, '/', bearer(token))), expected);
      const told = (): boolean =>
        edge.process
          .stdout()
          .some((line) => line.includes(`"tenantId":"${id}"`) && reason.test(line));
      await waitFor(told, { message: 'the log' });
      assert.equal((await ask('a', '/', bearer(token))).status, 200);
    });
  }

  test('fetches are counted by outcome', async () => {
    for (const [outcome, least] of [
      ['ok', 4],
      ['failed', 8],
    ] as const) {
      const series = `headgate_jwks_fetches_total{outcome="${outcome}"}`;
      assert.ok((await metricValue(edge.admin, series)) >= least, series);
    }
  });
});
