import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startApi } from './support/api.ts';

test('too many requests get 429 with Retry-After, and a store that is gone 503', async () => {
  const api = await startApi({ requestsPerSecondMax: 5 });
  try {
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => api.send('GET', '/v1/plans')),
    );
    const refused = replies.filter(({ status }) => status === 429);
    assert.ok(refused.length >= 10, `${refused.length} refused`);
    assert.equal(refused[0]?.body['code'], 'HG_API_RATE_LIMITED');
    assert.match(refused[0]?.headers.get('retry-after') ?? '', /^\d+$/);
  } finally {
    await api.close();
  }
});

test('a store that is gone gives 503 with Retry-After', async () => {
  const api = await startApi();
  try {
    await api.database.close();
    const reply = await api.send('GET', '/v1/plans');
    assert.equal(reply.status, 503);
    assert.equal(reply.body['code'], 'HG_API_STORE_UNAVAILABLE');
    assert.equal(reply.headers.get('retry-after'), '2');
  } finally {
    await api.close();
  }
});
