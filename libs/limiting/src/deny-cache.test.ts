import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createHarness, settled, tenantRule } from '../test/limiter-harness.ts';
import { propertyOptions } from '../test/property-runs.ts';
import { schedules, type Schedule } from '../test/schedules.ts';
import { busiestWindow, type Admission } from '../test/window-oracle.ts';
import { compileChain, type CompiledRule, type LimitVerdict } from './index.ts';

test('what arrived while the limit was used up is denied without a call of its own', async () => {
  const { limiter, store, inUse } = createHarness();
  await inUse();
  const chain = compileChain('acme', [tenantRule({ limit: 1 })]);
  const other = compileChain('other', [tenantRule({ limit: 1 })]);
  store.isHeld = true;
  const takes = [chain, chain, other, chain].map((each) => limiter.take(each, 1));
  store.answer();
  await settled();
  assert.deepEqual(
    store.calls.map((items) => items.map((item) => `${item.chain.tenantId}${item.units}`)),
    [['acme1'], ['other1']],
  );
  store.answer();
  const verdicts = await Promise.all(takes.map(async (take) => take));
  assert.deepEqual(
    verdicts.map(({ outcome, source }) => `${outcome} ${source}`),
    ['admitted store', 'denied deny_cache', 'admitted store', 'denied deny_cache'],
  );
  assert.equal(limiter.stats.deniedByDenyCache, 2);
  limiter.close();
});

for (const leases of [false, true]) {
  const promise = leases
    ? 'no window holds too much while leases are gathered for'
    : 'the deny cache denies only what the store would deny, and no window holds too much';
  test(`${promise}, over 300 schedules`, async () => {
    await fc.assert(
      fc.asyncProperty(schedules({ clockSteps: false }), (schedule) =>
        runSchedule(schedule, leases),
      ),
      propertyOptions(300, 20_260_102),
    );
  });
}

/**
 * Each call is answered when the next arrival comes, so that there is always something pending. With leases a denial may
 * hold for longer than the store would deny: until a short lease fits.
 */
async function runSchedule({ chains, arrivals }: Schedule, leases: boolean): Promise<void> {
  const options = { heartbeatMs: 1_000_000_000, leases };
  const { limiter, store, clock, inUse } = createHarness(options);
  await inUse();
  store.isHeld = true;
  const admissions = new Map<
    string,
    { readonly compiled: CompiledRule; readonly log: Admission[] }
  >();
  const pending: Promise<void>[] = [];
  const check = (verdict: LimitVerdict, compiled: readonly CompiledRule[], cost: number): void => {
    if (!leases && verdict.source === 'deny_cache' && verdict.retryAfterMs !== Infinity) {
      const violated = compiled[verdict.ruleIndex];
      assert.ok(violated !== undefined && violated.capacity - store.used(violated.key) < cost);
    }
    if (verdict.outcome !== 'admitted') return;
    for (const rule of compiled) {
      const known = admissions.get(rule.key) ?? { compiled: rule, log: [] };
      admissions.set(rule.key, known);
      known.log.push({ timeMs: clock.monotonicMs(), cost });
    }
  };
  for (const { advanceMs, chain: index, cost, units } of arrivals) {
    clock.advance(advanceMs);
    store.answer();
    await settled();
    const chain = chains[index];
    if (chain === undefined) continue;
    for (let unit = 0; unit < units; unit += 1) {
      const take = limiter.take(chain, cost);
      if (!(take instanceof Promise)) check(take, chain.compiled, cost);
      else pending.push(take.then((verdict) => check(verdict, chain.compiled, cost)));
    }
  }
  store.isHeld = false;
  store.answer();
  await Promise.all(pending);
  for (const { compiled, log } of admissions.values()) {
    assert.ok(compiled.kind === 'window');
    assert.ok(busiestWindow(log, compiled.rule.windowMs) <= compiled.capacity);
  }
  limiter.close();
}
