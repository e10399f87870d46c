import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Limit } from '@headgate/model';
import {
  joinLevels,
  levelLimits,
  priorityClass,
  ruleOfClass,
  shadowLimits,
} from './level-limits.ts';

const owner = { level: 'tenant', scope: '' } as const;

function limitsOf(...limits: object[]) {
  return levelLimits(
    limits.map((limit) => Limit.parse({ name: 'sec', limit: 10, windowMs: 1000, ...limit })),
    owner,
    'UTC',
  );
}

/** What requests of each class leave to others. */
function headroomsOf(limit: object): (number | undefined)[] {
  const [level] = limitsOf(limit).all;
  assert.ok(level !== undefined);
  return [0, 1, 2].map((index) => {
    const priority = (['critical', 'normal', 'bulk'] as const)[index];
    return ruleOfClass(level, priorityClass(priority)).headroom;
  });
}

test('a headroom is rounded up in units, of a rate those of its burst, and leaves at least one', () => {
  assert.deepEqual(headroomsOf({}), [undefined, undefined, undefined]);
  assert.deepEqual(headroomsOf({ headroom: { bulk: 1 } }), [undefined, undefined, 1]);
  assert.deepEqual(headroomsOf({ headroom: { normal: 20, bulk: 55 } }), [undefined, 2, 6]);
  assert.deepEqual(headroomsOf({ headroom: { bulk: 99 } }), [undefined, undefined, 9]);
  assert.deepEqual(headroomsOf({ limit: 1, headroom: { bulk: 50 } }), [
    undefined,
    undefined,
    undefined,
  ]);
  const rate = { kind: 'rate', burst: 40, headroom: { bulk: 50 } };
  assert.deepEqual(headroomsOf(rate), [undefined, undefined, 20]);
  // What comes back in a microsecond is left.
  assert.deepEqual(headroomsOf({ ...rate, limit: 3e7, burst: 40 }), [undefined, undefined, 10]);
});

test('a limit in shadow has its headroom; nothing else is smaller for it', () => {
  const sec = { name: 'sec', limit: 10, windowMs: 1000, headroom: { bulk: 50 }, shadow: true };
  const limits = [Limit.parse(sec)];
  const rules = shadowLimits(limits, owner, 'UTC').all.map((limit) => ruleOfClass(limit, 2));
  assert.deepEqual(
    rules.map(({ headroom, shadow }) => [headroom, shadow]),
    [[5, true]],
  );
  assert.equal(levelLimits(limits, owner, 'UTC').headroomFrom, 3);
});

test('levels know from which class on something is left to others', () => {
  const plain = limitsOf({});
  const bulk = limitsOf({ headroom: { bulk: 10 } });
  const normal = limitsOf({}, { name: 'day', headroom: { normal: 10, bulk: 10 } });
  assert.deepEqual(
    [plain, bulk, normal, joinLevels(plain, bulk), joinLevels(bulk, normal), joinLevels()].map(
      ({ headroomFrom }) => headroomFrom,
    ),
    [3, 2, 1, 2, 1, 3],
  );
});

test('a route without a priority is normal', () => {
  assert.equal(priorityClass(undefined), priorityClass('normal'));
  assert.ok(priorityClass('critical') < priorityClass('normal'));
  assert.ok(priorityClass('normal') < priorityClass('bulk'));
});
