import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemRandom } from '@headgate/runtime';
import { freePort, startRedis, waitFor } from '@headgate/testkit';
import { createRedisLimitStore } from '../src/index.ts';

test('a store closes at once, whether Redis is there, was never there, or is gone', async () => {
  const redis = await startRedis();
  const places = [
    { host: redis.host, port: redis.port },
    { host: '127.0.0.1', port: await freePort() },
  ];
  for (const address of places) {
    const store = createRedisLimitStore({ redis: address, random: systemRandom });
    if (address.port === redis.port) {
      await waitFor(() => store.isReady, { message: 'the store to be ready' });
    }
    await store.close();
  }
  let disconnects = 0;
  const store = createRedisLimitStore({
    redis: { host: redis.host, port: redis.port },
    random: { next: () => 0.999 },
    onEvent: (event) => (disconnects += event.type === 'disconnected' ? 1 : 0),
  });
  await waitFor(() => store.isReady, { message: 'the store to be ready' });
  await redis.kill();
  await waitFor(() => disconnects > 0, { message: 'the loss to be noticed' });
  // Now it waits between two attempts, of which ioredis tells nothing when it is closed.
  await store.close();
  await assert.rejects(store.probe());
  await redis.stop();
});
