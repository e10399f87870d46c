import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { PacedWalk } from './paced-walk.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Walks once over `members`; resolves with how many acts each turn of the loop saw. */
async function walk(
  members: Set<number>,
  acts: (member: number) => boolean,
  now: () => number,
): Promise<{ readonly visited: number[]; readonly actsPerTurn: number[] }> {
  const visited: number[] = [];
  const actsPerTurn = [0];
  const visit = (member: number): boolean => {
    visited.push(member);
    const acted = acts(member);
    if (acted) actsPerTurn[actsPerTurn.length - 1] = (actsPerTurn.at(-1) ?? 0) + 1;
    return acted;
  };
  new PacedWalk({ visit, now }).begin(members);
  while (visited.length < members.size) {
    await turn();
    actsPerTurn.push(0);
  }
  return { visited, actsPerTurn };
}

const numbers = (count: number): Set<number> => new Set(Array(count).keys());

suite('paced walk', () => {
  test('many that are due at once take many turns, with pauses in between, and each is visited once', async () => {
    const members = numbers(100);
    const { visited, actsPerTurn } = await walk(
      members,
      () => true,
      () => 1000,
    );
    assert.deepEqual(visited, [...members]);
    assert.ok(Math.max(...actsPerTurn) <= 4, actsPerTurn.join());
  });

  test('who is only looked at takes few turns', async () => {
    const { actsPerTurn } = await walk(
      numbers(10_000),
      () => false,
      () => 1000,
    );
    assert.ok(actsPerTurn.length <= 4, `${actsPerTurn.length} turns`);
  });

  test('a loop whose turns take long sees as many acts in all, in fewer turns, up to a bound', async () => {
    for (const [turnMs, acts] of [
      [10, 40],
      [30_000, 64],
    ] as const) {
      let nowMs = 0;
      const now = (): number => (nowMs += turnMs);
      const { actsPerTurn } = await walk(numbers(1000), () => true, now);
      const most = actsPerTurn.filter((count) => count > 0).slice(0, -1);
      assert.deepEqual([...new Set(most)], [acts]);
    }
  });

  test('on a loop that has nothing else to do a turn has no more acts than on a busy one', async () => {
    const visited: number[] = [];
    const startMs = performance.now();
    const pacedWalk = new PacedWalk<number>({
      visit: (member) => visited.push(member) > 0,
      now: () => performance.now(),
    });
    pacedWalk.begin(numbers(400));
    const timer = setInterval(() => undefined, 60_000); // unlike this test, a process has a reason to live
    while (pacedWalk.busy) await new Promise((resolve) => setTimeout(resolve, 20));
    clearInterval(timer);
    assert.equal(visited.length, 400);
    assert.ok(performance.now() - startMs >= 50, 'at most 4 a ms, and 64 in one turn');
  });

  test('a walk that is begun again visits the new ones alone, at the same pace, and a stop ends it', async () => {
    const visited: number[] = [];
    const pacedWalk = new PacedWalk<number>({
      visit: (member) => visited.push(member) > 0,
      now: () => 1000,
    });
    pacedWalk.begin(numbers(8));
    await turn();
    assert.deepEqual(visited, [0, 1, 2, 3]);
    pacedWalk.begin([10, 11, 12, 13, 14, 15]);
    await turn();
    assert.equal(visited.length, 4, 'the pause goes on');
    while (visited.length < 8) await turn();
    assert.deepEqual(visited.slice(4), [10, 11, 12, 13]);
    assert.equal(pacedWalk.busy, true);
    pacedWalk.stop();
    assert.equal(pacedWalk.busy, false);
    pacedWalk.begin([20]);
    while (pacedWalk.busy) await turn();
    assert.deepEqual(visited.slice(8), [20]);
  });

  test('who leaves a set before its turn is not visited, who joins is', async () => {
    const members = numbers(8);
    const visited: number[] = [];
    const visit = (member: number): boolean => {
      visited.push(member);
      if (member === 0) members.delete(7);
      if (member === 1) members.add(9);
      return true;
    };
    new PacedWalk({ visit, now: () => 1000 }).begin(members);
    while (visited.length < 8) await turn();
    assert.deepEqual(visited, [0, 1, 2, 3, 4, 5, 6, 9]);
  });
});
