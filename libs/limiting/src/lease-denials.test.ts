import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sendLoad, startEdges, type EdgeGroup } from '../test/lease-load.ts';
import { settled, tenantRule } from '../test/limiter-harness.ts';
import { compileChain, type LimitChain, type Limiter, type LimitVerdict } from './index.ts';

const LIMIT = 80;
/** A denial is remembered for at most so long. */
const DENIAL_MAX_MS = 1100;

/** Moves time on, timers and calls included. */
async function pass({ clock }: EdgeGroup, forMs: number): Promise<void> {
  for (let elapsedMs = 0; elapsedMs < forMs; elapsedMs += 10) {
    clock.advance(10);
    await settled();
  }
}

async function burst(
  limiter: Limiter,
  chain: LimitChain,
  requests: number,
): Promise<LimitVerdict[]> {
  return Promise.all(Array.from({ length: requests }, async () => limiter.take(chain, 1)));
}

const admitted = (verdicts: readonly LimitVerdict[]): number =>
  verdicts.filter(({ outcome }) => outcome === 'admitted').length;

for (const windowMs of [60_000, 3_600_000]) {
  test(`what a worker leased and never used is open to others 1.1 s later, in windows of ${windowMs} ms`, async () => {
    const group = await startEdges(2);
    const [idle, bursting] = group.limiters;
    assert.ok(idle !== undefined && bursting !== undefined);
    const chain = compileChain('acme', [tenantRule({ limit: LIMIT, windowMs })]);
    for (let request = 0; request < 3; request += 1) {
      assert.equal((await idle.take(chain, 1)).outcome, 'admitted');
      await pass(group, 30);
    }
    const { leasedCost } = idle.stats;
    assert.ok(leasedCost >= 4, `${leasedCost} leased`);
    const first = await burst(bursting, chain, LIMIT);
    assert.equal(admitted(first), LIMIT - 3 - leasedCost);
    const deniedMs = group.clock.monotonicMs();
    assert.ok((first.at(-1)?.retryAfterMs ?? 0) > windowMs / 2, 'what the store knew is told');
    await pass(group, DENIAL_MAX_MS / 2);
    const cached = await bursting.take(chain, 1);
    assert.equal(cached.source, 'deny_cache');
    assert.ok(cached.retryAfterMs > windowMs / 2 && (cached.resetMs[0] ?? 0) > windowMs / 2);
    await pass(group, deniedMs + DENIAL_MAX_MS - group.clock.monotonicMs());
    assert.equal(admitted(await burst(bursting, chain, LIMIT)), leasedCost);
    for (const limiter of group.limiters) limiter.close();
  });

  test(`two workers at 100 times a limit that is used up ask once a second each, in windows of ${windowMs} ms`, async () => {
    const group = await startEdges(2);
    const chain = compileChain('acme', [tenantRule({ limit: LIMIT, windowMs })]);
    await sendLoad(group, chain, { perSecond: 8000, seconds: 2 });
    const seconds = 5;
    const { calls, admissions } = await sendLoad(group, chain, { perSecond: 8000, seconds });
    assert.equal(admissions.length, 0);
    assert.ok(calls <= 2 * seconds, `${calls} calls`);
    for (const limiter of group.limiters) limiter.close();
  });
}

for (const windowMs of [1000, 60_000]) {
  test(`of a small limit nothing is leased: in windows of ${windowMs} ms whoever asks gets what is left`, async () => {
    const group = await startEdges(2);
    const [first, second] = group.limiters;
    assert.ok(first !== undefined && second !== undefined);
    const chain = compileChain('acme', [tenantRule({ limit: 64, windowMs })]);
    const stepMs = windowMs / 200;
    for (let request = 0; request < 63; request += 1) {
      assert.equal((await first.take(chain, 1)).outcome, 'admitted');
      await pass(group, stepMs);
    }
    assert.equal((await second.take(chain, 1)).outcome, 'admitted');
    assert.equal(first.stats.leases + second.stats.leases, 0);
    for (const limiter of group.limiters) limiter.close();
  });
}

test('a refusal by a small limit holds until its first unit leaves the window, with a call in 10 s', async () => {
  const group = await startEdges(1);
  const [limiter] = group.limiters;
  assert.ok(limiter !== undefined);
  const chain = compileChain('acme', [tenantRule({ limit: 5, windowMs: 60_000 })]);
  assert.equal(admitted(await burst(limiter, chain, 6)), 5);
  const callsBefore = group.store.calls.length;
  for (let elapsedMs = 0; elapsedMs < 59_000; elapsedMs += 500) {
    await pass(group, 500);
    assert.equal((await limiter.take(chain, 1)).outcome, 'denied');
  }
  assert.ok(group.store.calls.length - callsBefore <= 6);
  await pass(group, 1100);
  assert.equal((await limiter.take(chain, 1)).outcome, 'admitted');
  limiter.close();
});

test('a limit of 1000 is lowered to 64 while a lease is out: who is refused for it gets what was returned', async () => {
  const group = await startEdges(2);
  const [first, second] = group.limiters;
  assert.ok(first !== undefined && second !== undefined);
  const [large, small] = [1000, 64].map((limit) =>
    compileChain('acme', [tenantRule({ limit, windowMs: 3_600_000 })]),
  );
  assert.ok(large !== undefined && small !== undefined);
  for (let request = 0; request < 20; request += 1) {
    assert.equal((await first.take(large, 1)).outcome, 'admitted');
    await pass(group, 10);
  }
  assert.equal((await second.take(small, 1)).outcome, 'denied');
  await pass(group, 10_000);
  assert.equal(admitted(await burst(second, small, 64)), 64 - 20);
  for (const limiter of group.limiters) limiter.close();
});

test('two workers that are flooded both get a part of the limit, and use 95 % of it', async () => {
  const group = await startEdges(2);
  const chain = compileChain('acme', [tenantRule({ limit: 400 })]);
  const seconds = 10;
  const { admissions, calls } = await sendLoad(group, chain, { perSecond: 40_000, seconds });
  assert.ok(admissions.length >= 0.95 * 400 * seconds, `${admissions.length} admitted`);
  assert.ok(calls <= 8 * seconds, `${calls} calls`);
  for (const { stats } of group.limiters) {
    assert.ok(stats.leaseUsedCost + stats.admittedByStore >= 100, `${stats.leaseUsedCost}`);
  }
  for (const limiter of group.limiters) limiter.close();
});

test('a flood on a small limit: what comes back is gathered, so that each unit does not take a call of each worker', async () => {
  const group = await startEdges(2);
  const chain = compileChain('acme', [tenantRule({ limit: 64 })]);
  await sendLoad(group, chain, { perSecond: 640, seconds: 1 });
  const { calls, admissions } = await sendLoad(group, chain, { perSecond: 6400, seconds: 10 });
  const each = 2 * 64 * 10;
  assert.ok(calls <= 0.4 * each, `${calls} calls`);
  assert.ok(admissions.length >= 64 * 10 * 0.9, `${admissions.length} admitted`);
  for (const limiter of group.limiters) limiter.close();
});
