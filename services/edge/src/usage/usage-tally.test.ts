import assert from 'node:assert/strict';
import { test } from 'node:test';
import { USAGE_ENTRIES_MAX } from '@headgate/bus';
import { compileChain, type LimitVerdict, type WindowRule } from '@headgate/limiting';
import { UsageTally } from './usage-tally.ts';

const minute: WindowRule = {
  ...{ name: 'minute', level: 'tenant', scope: '', limit: 10, windowMs: 60_000 },
  onStoreLoss: 'share',
} as const;
const ofKey: WindowRule = { ...minute, level: 'key', scope: 'ci' };

function verdict(changes: Partial<LimitVerdict>): LimitVerdict {
  const base = { outcome: 'admitted', source: 'store', rule: null, ruleIndex: -1 } as const;
  return { ...base, charge: null, retryAfterMs: 0, remaining: [9], resetMs: [60_000], ...changes };
}

test('chains that share a limit are told as one, with what was heard last', () => {
  const tally = new UsageTally();
  const anonymous = compileChain('acme', [minute]);
  const keyed = compileChain('acme', [minute, ofKey]);
  tally.note(anonymous, verdict({}), 1);
  tally.note(anonymous, verdict({ remaining: [8], source: 'share' }), 1);
  tally.note(keyed, verdict({ remaining: [3, 5], resetMs: [1, 2] }), 5);
  const denied = { outcome: 'denied', source: 'deny_cache', rule: ofKey, ruleIndex: 1 } as const;
  tally.note(keyed, verdict({ ...denied, remaining: [-1, 0], resetMs: [0, 70] }), 5);
  const [tenant, key, ...rest] = tally.take();
  assert.deepEqual(rest, []);
  const common = {
    ...{ tenantId: 'acme', name: 'minute', kind: 'window', unit: 'requests' },
    ...{ shadow: false, limit: 10, capacity: 10 },
  };
  assert.deepEqual(tenant, {
    ...{ ...common, level: 'tenant', scope: '', consumer: null, spanMs: 60_000 },
    ...{ admitted: 7, alone: 1, denied: 0, remaining: 8, resetMs: 60_000 },
  });
  assert.deepEqual(key, {
    ...{ ...common, level: 'key', scope: 'ci', consumer: null, spanMs: 60_000 },
    ...{ admitted: 5, alone: 0, denied: 1, remaining: 0, resetMs: 70 },
  });
  assert.deepEqual(tally.take(), []);
});

test('what passed while a limit changes is told of the larger one: no audit may take it for an excess', () => {
  const tally = new UsageTally();
  const small = compileChain('acme', [minute]);
  const large = compileChain('acme', [{ ...minute, limit: 500 }]);
  for (const order of [
    [small, large],
    [large, small],
  ]) {
    for (const chain of order) tally.note(chain, verdict({}), chain === large ? 300 : 9);
    const told = tally.take().map(({ limit, capacity, admitted }) => [limit, capacity, admitted]);
    assert.deepEqual(told, [[500, 500, 309]]);
  }
});

test('of what a class of requests may use the whole limit is told, and what it leaves to others as left', () => {
  const bulk = compileChain('acme', [{ ...minute, headroom: 4 }]);
  const critical = compileChain('acme', [minute]);
  const told = (notes: readonly (readonly [typeof bulk, number])[]) => {
    const tally = new UsageTally();
    for (const [chain, left] of notes) tally.note(chain, verdict({ remaining: [left] }), 1);
    return tally.take().map(({ limit, capacity, remaining }) => [limit, capacity, remaining]);
  };
  assert.deepEqual(told([[bulk, 5]]), [[10, 10, 9]]);
  // Critical requests know it exactly.
  const [ofBulk, ofCritical] = [[bulk, 0] as const, [critical, 1] as const];
  assert.deepEqual(told([ofBulk]), [[10, 10, 4]]);
  assert.deepEqual(told([ofBulk, ofCritical]), [[10, 10, 1]]);
  assert.deepEqual(told([ofCritical, ofBulk]), [[10, 10, 1]]);
});

test('of very many limits those that refuse, then the fullest, are told; memory is bounded', () => {
  const tally = new UsageTally();
  for (let client = 0; client < 5000; client += 1) {
    const chain = compileChain('acme', [{ ...minute, consumer: `a${client}` }]);
    const isOver = client % 100 === 0;
    const refusal = { outcome: 'denied', rule: minute, ruleIndex: 0, remaining: [0] } as const;
    tally.note(chain, verdict(isOver ? refusal : { remaining: [client % 10] }), 1);
  }
  const told = tally.take();
  assert.equal(told.length, USAGE_ENTRIES_MAX);
  // The first 1,024 chains were counted: eleven of them were over their limit.
  assert.equal(told.filter(({ denied }) => denied > 0).length, 11);
  assert.equal(
    told.slice(0, 11).every(({ denied }) => denied === 1),
    true,
  );
  assert.ok(told.slice(11).every(({ remaining }) => remaining !== null && remaining <= 2));
});

test('clients from ever new addresses hide no other limit, neither by their number nor by their refusals', () => {
  const tally = new UsageTally();
  const refusal = { outcome: 'denied', rule: minute, ruleIndex: 0, remaining: [0] } as const;
  for (let client = 0; client < 2000; client += 1) {
    const chain = compileChain('crowd', [{ ...minute, consumer: `a${client}` }]);
    tally.note(chain, verdict(refusal), 1);
  }
  for (let tenant = 0; tenant < 200; tenant += 1) {
    tally.note(compileChain(`t${tenant}`, [minute]), verdict({}), 1);
  }
  const told = tally.take();
  assert.equal(told.length, USAGE_ENTRIES_MAX);
  assert.equal(told.filter(({ consumer }) => consumer === null).length, USAGE_ENTRIES_MAX / 2);
});

test('however many clients there are, the limits that they share are counted whole', () => {
  const tally = new UsageTally();
  const perClient = { ...minute, name: 'client' };
  const bytes: WindowRule = { ...minute, name: 'up', unit: 'request-bytes' };
  const chainOf = (client: number) =>
    compileChain('acme', [{ ...perClient, consumer: `a${client}` }, minute, ofKey, bytes]);
  const left = [3, 9, 9, 9];
  for (let client = 0; client < 3000; client += 1) {
    const chain = chainOf(client);
    tally.note(chain, verdict({ remaining: left }), 2, { request: 7, response: 0 });
    tally.giveBack(chain, { request: 3, response: 0 });
    const denied = { outcome: 'denied', rule: ofKey, ruleIndex: 2 } as const;
    tally.note(chain, verdict({ ...denied, remaining: [-1, -1, 0, -1] }), 2);
  }
  const shared = tally.take().filter(({ consumer }) => consumer === null);
  const counts = shared.map(({ level, name, admitted, denied, remaining }) => ({
    ...{ level, name, admitted, denied, remaining },
  }));
  assert.deepEqual(
    counts.sort((one, other) => one.admitted + one.denied - other.admitted - other.denied),
    [
      { level: 'tenant', name: 'minute', admitted: 6000, denied: 0, remaining: 9 },
      { level: 'key', name: 'minute', admitted: 6000, denied: 3000, remaining: 0 },
      { level: 'tenant', name: 'up', admitted: 12_000, denied: 0, remaining: 9 },
    ],
  );
  assert.deepEqual(tally.take(), []);
});
