import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCommandCounts, redisUseBetween } from './redis-use.ts';

const INFO = `# Commandstats\r
cmdstat_get:calls=12,usec=30,usec_per_call=2.50,rejected_calls=0,failed_calls=0\r
cmdstat_client|setname:calls=1,usec=3,usec_per_call=3.00,rejected_calls=0,failed_calls=0\r
cmdstat_client|list:calls=2,usec=3,usec_per_call=3.00,rejected_calls=0,failed_calls=0\r
`;

test('counts are read by command; subcommands are added up', () => {
  assert.deepEqual(
    [...parseCommandCounts(INFO)],
    [
      ['get', 12],
      ['client', 3],
    ],
  );
  assert.equal(parseCommandCounts('').size, 0);
});

test('without scripts every command was sent; connecting and INFO do not count', () => {
  const before = new Map([['get', 10]]);
  const after = Object.entries({ get: 12, incr: 5, info: 9, client: 4, hello: 1, ping: 2 });
  assert.deepEqual(redisUseBetween(before, new Map(after)), { commands: 7, operations: 7 });
});

test('with scripts their calls were sent, and the rest ran inside', () => {
  const before = new Map(Object.entries({ evalsha: 100, get: 300, time: 100 }));
  const after = new Map(Object.entries({ evalsha: 110, get: 330, time: 110, set: 30 }));
  assert.deepEqual(redisUseBetween(before, after), { commands: 10, operations: 80 });
});

test('nothing between two readings is nothing', () => {
  const counts = parseCommandCounts(INFO);
  assert.deepEqual(redisUseBetween(counts, counts), { commands: 0, operations: 0 });
});
