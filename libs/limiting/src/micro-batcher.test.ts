import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settled, tenantRule } from '../test/limiter-harness.ts';
import { createMemoryStore } from '../test/memory-store.ts';
import { compileChain, type LimitVerdict } from './index.ts';
import { createLimiterStats } from './limiter-stats.ts';
import { MicroBatcher, type BatchOutcome } from './micro-batcher.ts';
import { admittedVerdict, unavailableVerdict } from './verdict.ts';

const admitted: LimitVerdict = admittedVerdict('store', [], [], null);

/** Nothing is leased, returned or denied. */
const plain: BatchOutcome = {
  settleItem: () => ({ admitted, denied: admitted }),
  leaseFor: () => null,
  returnsFor: () => undefined,
  admitPending: () => null,
  denyPending: () => null,
  failItem: () => undefined,
  settleFailedUnit: () => unavailableVerdict('store'),
  onFailure: () => undefined,
  onReply: () => undefined,
};

test('what is not worth sending by now takes no place in a call', async () => {
  const store = createMemoryStore(() => 1_000_000);
  const bounds = { waitingUnitsMax: 10, itemsMax: 2, rulesMax: 10 };
  const batcher = new MicroBatcher(store, plain, createLimiterStats(), bounds, () => 0);
  const chainOf = (tenant: string) => compileChain(tenant, [tenantRule()]);
  store.isHeld = true;
  const verdicts = [batcher.take(chainOf('first'), 1, null)];
  for (const tenant of ['a', 'b', 'c']) {
    batcher.request(chainOf(`dead-${tenant}`), 1);
    verdicts.push(batcher.take(chainOf(tenant), 1, null));
  }
  store.isHeld = false;
  store.answer();
  assert.deepEqual(
    await Promise.all(verdicts),
    Array.from({ length: 4 }, () => admitted),
  );
  await settled();
  assert.deepEqual(
    store.calls.map((items) => items.map(({ chain }) => chain.tenantId)),
    [['first'], ['a', 'b'], ['c']],
  );
});
