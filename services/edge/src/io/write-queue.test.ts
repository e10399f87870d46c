import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { WriteQueue } from './write-queue.ts';

/** A queue whose turns end when told to, and writers that note their turn. */
function scene() {
  const due: (() => void)[] = [];
  const queue = new WriteQueue((work) => due.push(work));
  const written: string[] = [];
  const writer = (name: string) => ({ writeQueued: () => void written.push(name) });
  return { queue, written, writer, due, endTurn: () => due.splice(0).forEach((work) => work()) };
}

suite('write queue', () => {
  test('writers wait for the end of the turn, which is asked for once, and keep their order', () => {
    const { queue, written, writer, due, endTurn } = scene();
    for (const name of ['a', 'b', 'c']) queue.add(writer(name));
    assert.deepEqual([written, due.length], [[], 1]);
    endTurn();
    assert.deepEqual(written, ['a', 'b', 'c']);
    queue.add(writer('d'));
    endTurn();
    assert.deepEqual(written, ['a', 'b', 'c', 'd']);
  });

  test('many do not wait, and none is lost or called twice', () => {
    const { queue, written, writer, endTurn } = scene();
    const names = Array.from({ length: 1000 }, (_, index) => String(index));
    for (const name of names) queue.add(writer(name));
    assert.ok(written.length >= names.length - 64, `${written.length}`);
    endTurn();
    assert.deepEqual(written, names);
  });

  test('a writer that has more to write by then is added anew', () => {
    const { queue, written, writer, endTurn } = scene();
    queue.add({
      writeQueued() {
        written.push('first');
        queue.add(writer('second'));
      },
    });
    endTurn();
    assert.deepEqual(written, ['first']);
    endTurn();
    assert.deepEqual(written, ['first', 'second']);
  });
});
