import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createSeededRandom } from '@headgate/testkit';
import { ConnectionBudget, type IdleConnection } from './connection-budget.ts';

interface NumberedConnection extends IdleConnection {
  readonly id: number;
}

const ids = (connections: readonly NumberedConnection[]): number[] =>
  connections.map(({ id }) => id);

/** Connections as a pool handles them; `idle` are the idle ones, oldest first. */
function scene(max: number) {
  const budget = new ConnectionBudget(max);
  const idle: NumberedConnection[] = [];
  let open = 0;
  let lastId = 0;
  const close = (connection: NumberedConnection): void => {
    const index = idle.indexOf(connection);
    if (index !== -1) {
      idle.splice(index, 1);
      budget.used(connection);
    }
    open -= 1;
    budget.closed();
  };
  const opened = (): NumberedConnection => {
    open += 1;
    budget.opening();
    const connection: NumberedConnection = {
      id: (lastId += 1),
      olderIdle: null,
      newerIdle: null,
      destroy: () => close(connection),
    };
    return connection;
  };
  const release = (connection: NumberedConnection): void => {
    idle.push(connection);
    budget.idle(connection);
  };
  const take = (index: number): NumberedConnection | undefined => {
    const [connection] = idle.splice(index, 1);
    if (connection !== undefined) budget.used(connection);
    return connection;
  };
  return { budget, idle, openCount: () => open, opened, release, take };
}

suite('connection budget', () => {
  test('the one that has been idle for longest is closed for a new one', () => {
    const { budget, idle, opened, release, take } = scene(3);
    const [a, b, c] = [opened(), opened(), opened()];
    for (const connection of [b, a, c]) release(connection);
    const again = take(0);
    assert.equal(again, b);
    opened();
    assert.deepEqual([ids(idle), budget.evicted], [[c.id], 1]);
  });

  test('connections in use stay, and go beyond the bound one by one when they become idle', () => {
    const { budget, openCount, opened, release, idle } = scene(2);
    const used = [opened(), opened(), opened()];
    assert.deepEqual([openCount(), budget.evicted], [3, 0]);
    for (const connection of used) release(connection);
    assert.deepEqual([ids(idle), budget.evicted], [ids(used.slice(1)), 1]);
  });

  test('whatever is opened, used and closed, idle ones are within the bound and the oldest went', () => {
    const random = createSeededRandom(1);
    const max = 8;
    const { idle, openCount, opened, release, take } = scene(max);
    const busy: NumberedConnection[] = [];
    for (let step = 0; step < 20_000; step += 1) {
      const before = [...idle];
      const index = Math.floor(random.next() * 10);
      const draw = random.next();
      let expected: readonly NumberedConnection[] | null = null;
      if (draw < 0.3) busy.push(opened());
      else if (draw < 0.5) busy.push(...[take(index)].filter((one) => one !== undefined));
      else if (draw < 0.6) idle[index]?.destroy();
      else if (draw < 0.7) busy.splice(index, 1)[0]?.destroy();
      else {
        const [released] = busy.splice(index, 1);
        if (released !== undefined) {
          expected = [...before, released];
          release(released);
        }
      }
      if (draw < 0.3) expected = before;
      if (expected !== null) {
        assert.deepEqual(ids(idle), ids(expected.slice(expected.length - idle.length)));
      }
      assert.ok(openCount() <= Math.max(max, busy.length), `${openCount()} open`);
      assert.equal(openCount(), busy.length + idle.length);
    }
  });
});
