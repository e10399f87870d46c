import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionsWithin, connectionsWithinFdLimit } from './fd-limit.ts';

const limits = (soft: string): string =>
  'Limit                     Soft Limit           Hard Limit           Units     \n' +
  'Max processes             95000                95000                processes \n' +
  `Max open files            ${soft.padEnd(20)} 1048576              files     \n`;

const cases: readonly [string, number][] = [
  ['256', 80],
  ['1024', 464],
  ['1048576', 524_240],
  ['98', 1],
  ['10', 1],
  ['unlimited', Infinity],
];

for (const [soft, connections] of cases) {
  test(`a limit of ${soft} open files leaves room for ${connections} client connections`, () => {
    assert.equal(connectionsWithin(limits(soft)), connections);
  });
}

test('without the line there is no limit', () => assert.equal(connectionsWithin(''), Infinity));

test('the limit of this process can be read', () => assert.ok(connectionsWithinFdLimit(1) >= 1));
