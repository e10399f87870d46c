import assert from 'node:assert/strict';
import { test } from 'node:test';
import { interleave, joinSeries } from './rounds.ts';
import type { Round } from './row.ts';

/** Contenders that note their turns, each with its measurements. */
function contenders(order: string[], results: Readonly<Record<string, (Round | null)[]>>) {
  return Object.entries(results).map(([name, rounds]) => ({
    name,
    description: `what ${name} does`,
    measure: async () => {
      order.push(name);
      return rounds.shift() ?? null;
    },
  }));
}

const round = (rps: number, failedRequests = 0): Round => ({ requests: 1, failedRequests, rps });

test('every round measures all, and begins with another one', async () => {
  const order: string[] = [];
  const lines: string[] = [];
  const all = contenders(order, {
    a: [round(1), round(2), round(3)],
    b: [round(10), round(20), round(30, 4)],
    c: [round(100), round(200), round(300)],
  });
  const measured = await interleave(all, 3, {
    say: (line) => lines.push(line),
    onFailure: (_name, error) => assert.fail(String(error)),
    readTicks: () => Promise.resolve({ stolen: 0, all: 0 }),
  });
  assert.equal(order.join(''), 'abcbcacab');
  const rates = measured.map(({ name, rounds }) => [name, ...rounds.map(({ rps }) => rps)]);
  assert.deepEqual(rates, [
    ['a', 1, 2, 3],
    ['b', 10, 20, 30],
    ['c', 100, 200, 300],
  ]);
  assert.equal(lines.length, 9);
  assert.match(lines[0] ?? '', /^round 1\/3 {2}a +requests\/s 1$/);
  assert.match(lines[8] ?? '', /^round 3\/3 {2}b +requests\/s 30 {2}4 FAILED$/);
});

test('a round that the host has stolen time of says so', async () => {
  const lines: string[] = [];
  let all = 0;
  await interleave(contenders([], { a: [round(1)] }), 1, {
    say: (line) => lines.push(line),
    onFailure: (_name, error) => assert.fail(String(error)),
    readTicks: () => Promise.resolve({ stolen: all / 4, all: (all += 100) }),
  });
  assert.deepEqual(lines, ['round 1/1  a                  requests/s 1  25.0 % stolen']);
});

test('what does not work here is asked once and has no result', async () => {
  const order: string[] = [];
  const all = contenders(order, { a: [round(1), round(2)], b: [null] });
  const measured = await interleave(all, 2, {
    say: () => undefined,
    onFailure: (_name, error) => assert.fail(String(error)),
  });
  assert.equal(order.join(''), 'aba');
  assert.deepEqual(
    measured.map(({ name }) => name),
    ['a'],
  );
});

test('a failure is told and ends the part of this contender, not of the others', async () => {
  const order: string[] = [];
  const [a, b] = contenders(order, { a: [round(1), round(2)], b: [] });
  assert.ok(a !== undefined && b !== undefined);
  const failures: string[] = [];
  const failing = { ...b, measure: () => Promise.reject(new Error('it died')) };
  const measured = await interleave([failing, a], 2, {
    say: () => undefined,
    onFailure: (name, error) => failures.push(`${name}: ${String(error)}`),
  });
  assert.deepEqual(failures, ['b: Error: it died']);
  assert.deepEqual(
    measured.map(({ name, rounds }) => [name, rounds.length]),
    [['a', 2]],
  );
});

test('series of several starts are one, of those that took part in all', () => {
  const of = (name: string, ...rounds: Round[]) => ({ name, description: '', rounds });
  const joined = joinSeries([
    [of('a', round(1), round(2)), of('b', round(10)), of('c', round(7))],
    [of('c', round(8)), of('a', round(3))],
  ]);
  assert.deepEqual(joined, [of('a', round(1), round(2), round(3)), of('c', round(7), round(8))]);
});
