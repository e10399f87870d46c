import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemRandom } from '@headgate/runtime';
import { createFaultProxy, startPostgres, waitFor } from '@headgate/testkit';
import { createPostgresLease } from '../src/publish/lease.ts';

test('the lease of a replica that falls silent with its connection open passes on, and never are there two holders', async () => {
  const postgres = await startPostgres();
  const proxy = await createFaultProxy({ port: postgres.port });
  const proxied = postgres.url.replace(String(postgres.port), String(proxy.port));
  const deps = { random: systemRandom };
  const first = createPostgresLease(deps, proxied, () => undefined);
  let wakes = 0;
  let second: ReturnType<typeof createPostgresLease> | null = null;
  try {
    await waitFor(() => first.held, { message: 'the first replica to lead' });
    second = createPostgresLease(deps, postgres.url, () => void (wakes += 1));
    proxy.pause();
    let hadTwoHolders = false;
    const look = () => {
      const held = second?.held ?? false;
      hadTwoHolders ||= held && first.held;
      return held;
    };
    await waitFor(look, { message: 'the second replica to lead', deadlineMs: 20_000 });
    assert.ok(!hadTwoHolders);
    assert.equal(wakes, 1, 'it publishes at once');
    proxy.resume();
    await waitFor(() => proxy.acceptedCount >= 2, { message: 'the first one to compete again' });
    assert.equal(first.held, false);
    await second.close();
    await waitFor(() => first.held, { message: 'the first one to lead again' });
  } finally {
    await first.close();
    await second?.close();
    await proxy.close();
    await postgres.stop();
  }
});
