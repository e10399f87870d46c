import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileChain, type BatchItem, type ItemReply, type LimitChain } from '@headgate/limiting';
import { readTakeReply, replayCalls, takeCalls } from './script-calls.ts';

function chain(tenant: string, name = 'sec'): LimitChain {
  const rule = { level: 'tenant', limit: 100, windowMs: 1000, scope: '' } as const;
  return compileChain(tenant, [{ ...rule, name, onStoreLoss: 'share' }]);
}

test('on one server a batch of many tenants is one call, its entries in order of arrival', () => {
  const items = Array.from({ length: 64 }, (_, index) => {
    return { chain: chain(`tenant-${index}`), cost: 1, units: 1 };
  });
  const calls = takeCalls(items);
  assert.deepEqual(
    calls.map(({ positions }) => positions),
    [items.map((_, index) => index)],
  );
});

test('a call per slot: the keys of each share a hash tag, its entries keep their order', () => {
  const items: BatchItem[] = ['a', 'b', 'a'].map((tenant, index) => {
    return { chain: chain(tenant), cost: 1 + index, units: 2 };
  });
  const calls = takeCalls(items, (tenantTag) => tenantTag);
  assert.deepEqual(
    calls.map(({ positions, keys }) => [positions, keys]),
    [
      [
        [0, 2],
        ['hg:{t:a}:w:t::sec:1000', 'hg:{t:a}:w:t::sec:1000'],
      ],
      [[1], ['hg:{t:b}:w:t::sec:1000']],
    ],
  );
  assert.deepEqual(calls[0]?.values, [
    '2',
    '1',
    '1',
    '100',
    '20',
    '50',
    '2',
    '3',
    '1',
    '100',
    '20',
    '50',
  ]);
});

test('very many entries, or keys, are split, so that no script runs for long', () => {
  const items = Array.from({ length: 130 }, (_, index) => {
    return { chain: chain('a', `rule-${index}`), cost: 1, units: 1 };
  });
  assert.deepEqual(
    takeCalls(items).map(({ positions }) => positions.length),
    [64, 64, 2],
  );
  const rule = { level: 'tenant', limit: 100, windowMs: 1000, scope: '' } as const;
  const wide = compileChain(
    'wide',
    Array.from({ length: 32 }, (_, index) => {
      return { ...rule, name: `rule-${index}`, onStoreLoss: 'share' as const };
    }),
  );
  const wideItems = Array.from({ length: 10 }, () => ({ chain: wide, cost: 1, units: 1 }));
  assert.deepEqual(
    takeCalls(wideItems).map(({ keys }) => keys.length),
    [256, 64],
  );
});

test('replies land at the positions of their items; another form is no reply', () => {
  const items = ['a', 'b', 'a'].map((tenant) => ({ chain: chain(tenant), cost: 1, units: 2 }));
  const call = takeCalls(items, (tenantTag) => tenantTag)[0];
  assert.ok(call !== undefined);
  const replies: ItemReply[] = [];
  const read = readTakeReply(call, items, [1000, 2, 98, 1010, 1, 97, 990, 2], replies);
  assert.deepEqual(read, { clockMs: 1000, resetKeys: ['hg:{t:a}:w:t::sec:1000'] });
  assert.deepEqual(replies[2], { madeMs: 1000, granted: 1, remaining: [97], resetMs: [990] });
  for (const wrong of [null, 'OK', [], [1000], [1000, 2, 98], ['1000', 2, 98, 1, 1, 1, 1]]) {
    assert.equal(readTakeReply(call, items, wrong, []), null);
  }
});

test('each reply is dated by its own call, not by another one of the batch', () => {
  const items = ['a', 'b'].map((tenant) => ({ chain: chain(tenant), cost: 1, units: 1 }));
  const calls = takeCalls(items, (tenantTag) => tenantTag);
  const replies: ItemReply[] = [];
  for (const [index, call] of calls.entries()) {
    readTakeReply(call, items, [1000 + 20 * index, 1, 98, 1010], replies);
  }
  assert.deepEqual(
    replies.map(({ madeMs }) => madeMs),
    [1000, 1020],
  );
});

test('a replay carries ages and costs per rule', () => {
  const [rule] = chain('a').compiled;
  assert.ok(rule !== undefined);
  const charges = [
    { ageMs: 40, cost: 3 },
    { ageMs: 0, cost: 1 },
  ];
  const [call] = replayCalls([{ rule, tenantTag: 'hg:{t:a}', charges }]);
  assert.deepEqual(call?.values, ['20', '50', '2', '40', '3', '0', '1']);
});

test('a rate is replayed with its whole burst, whichever class of requests used it last', () => {
  const pace = { level: 'tenant', limit: 5, windowMs: 1000, burst: 10, scope: '' } as const;
  const rule = { ...pace, name: 'pace', kind: 'rate', onStoreLoss: 'share', headroom: 4 } as const;
  const [compiled] = compileChain('a', [rule]).compiled;
  assert.ok(compiled !== undefined);
  assert.deepEqual(compiled.storeArguments, ['r', '5', '1000', '6']);
  const charges = [{ ageMs: 0, cost: 9 }];
  const [call] = replayCalls([{ rule: compiled, tenantTag: 'hg:{t:a}', charges }]);
  assert.deepEqual(call?.values, ['r', '5', '1000', '10', '9']);
});
