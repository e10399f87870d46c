import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitFor } from '@headgate/testkit';
import { startApi } from './support/api.ts';

const VIEWER = { role: 'viewer', tenants: '*' };

test('too many requests get 429, and those after the store is gone 503, both with Retry-After', async () => {
  const api = await startApi({ requestsPerSecondMax: 5 });
  try {
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => api.send('GET', '/v1/plans')),
    );
    const refused = replies.filter(({ status }) => status === 429);
    assert.ok(refused.length >= 10, `${refused.length} refused`);
    assert.equal(refused[0]?.body['code'], 'HG_API_RATE_LIMITED');
    assert.match(refused[0]?.headers.get('retry-after') ?? '', /^\d+$/);

    await api.database.close();
    const gone = await waitFor(
      async () => {
        const reply = await api.send('GET', '/v1/plans');
        return reply.status === 429 ? null : reply;
      },
      { message: 'the next second', intervalMs: 300 },
    );
    assert.equal(gone.status, 503);
    assert.equal(gone.body['code'], 'HG_API_STORE_UNAVAILABLE');
    assert.equal(gone.headers.get('retry-after'), '2');
  } finally {
    await api.close();
  }
});

test('whoever has no credential, or asks for what is not there, is bounded as everybody else', async () => {
  const api = await startApi({ requestsPerSecondMax: 5 });
  const strangers: readonly (readonly [string, Record<string, string>])[] = [
    ['/v1/plans', { authorization: 'Bearer nobodys-token-0123456789' }],
    ['/v1/nothing', { authorization: '' }],
    ['/v1/nothing', {}],
  ];
  try {
    for (const [path, headers] of strangers) {
      const replies = await Promise.all(
        Array.from({ length: 20 }, () => api.send('GET', path, undefined, headers)),
      );
      const refused = replies.filter(({ status }) => status === 429);
      assert.ok(refused.length >= 10, `${path}: ${refused.length} refused`);
    }
  } finally {
    await api.close();
  }
});

test('a credential that asks too often gets 429 whatever it asks for, and no other credential does', async () => {
  const api = await startApi({ credentialRequestsPerSecondMax: 5 });
  try {
    const token = await api.send('POST', '/v1/access-tokens/reader', VIEWER);
    assert.equal(token.status, 201);
    const authorization = `Bearer ${String(token.body['token'])}`;
    const paths = ['/v1/plans', '/v1/tenants', '/v1/nothing'];
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        api.send('GET', paths[index % 3] ?? '', undefined, { authorization }),
      ),
    );
    const refused = replies.filter(({ status }) => status === 429);
    assert.ok(refused.length >= 10, `${refused.length} refused`);
    const [first] = refused;
    assert.equal(first?.body['code'], 'HG_API_RATE_LIMITED');
    assert.match(String(first?.body['detail']), /this credential/);
    assert.equal(first?.headers.get('content-type'), 'application/problem+json; charset=utf-8');
    assert.equal(first?.headers.get('retry-after'), '1');
    assert.equal((await api.send('GET', '/v1/plans')).status, 200);
  } finally {
    await api.close();
  }
});

const TOLD = [
  ['198.51.100.7', '198.51.100.7'],
  ['6.6.6.6, 198.51.100.7', '198.51.100.7'],
  ['198.51.100.7, 10.1.2.3', '198.51.100.7'],
  ['6.6.6.6, no-address', '127.0.0.1'],
] as const;

for (const trustedProxies of [[], ['127.0.0.1', '10.0.0.0/8']]) {
  const trusts = trustedProxies.length > 0;
  test(`a proxy that is ${trusts ? '' : 'not '}trusted says whose address is audited and counted`, async () => {
    const api = await startApi({ trustedProxies, requestsPerSecondMax: 8 });
    try {
      for (const [index, [told]] of TOLD.entries()) {
        const headers = { 'x-forwarded-for': told };
        const { status } = await api.send('PUT', `/v1/plans/p${index}`, {}, headers);
        assert.equal(status, 201);
      }
      const { body } = await api.send('GET', '/v1/audit', undefined, { 'x-forwarded-for': 'a' });
      const { items } = body as { items: { resourceId: string; source: string }[] };
      for (const [index, [, address]] of TOLD.entries()) {
        const row = items.find(({ resourceId }) => resourceId === `p${index}`);
        assert.equal(row?.source, trusts ? address : '127.0.0.1');
      }
      const replies = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          api.send('GET', '/v1/plans', undefined, { 'x-forwarded-for': `198.51.101.${index}` }),
        ),
      );
      assert.equal(
        replies.some(({ status }) => status === 429),
        !trusts,
      );
    } finally {
      await api.close();
    }
  });
}
