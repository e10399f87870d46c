import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Acknowledged } from './acknowledged.ts';

const ack = (key: string, revision = 1) => ({
  ...{ key, revision, outcome: 'applied' as const, at: revision },
});
const edgesThatSaid = (acks: Acknowledged, key: string) =>
  Array.from(acks.of(key), ([edgeId]) => edgeId);

test('an edge that has gone is forgotten after a while, with all it said; one that is live never is', () => {
  const acks = new Acknowledged({ keptMs: 1000 });
  acks.add('gone', ack('tenant.a'), 0);
  acks.add('gone', ack('tenant.b'), 0);
  acks.add('live', ack('tenant.a'), 0);
  acks.forgetGone(['live', 'gone'], 500);
  acks.forgetGone(['live'], 1500);
  assert.deepEqual(edgesThatSaid(acks, 'tenant.a'), ['gone', 'live']);
  acks.forgetGone(['live'], 1501);
  assert.deepEqual(edgesThatSaid(acks, 'tenant.a'), ['live']);
  assert.equal(acks.get('gone', 'tenant.b'), undefined);
  assert.equal(acks.size, 1);
});

test('while no edge is live at all, none is forgotten', () => {
  const acks = new Acknowledged({ keptMs: 1000 });
  acks.add('e1', ack('tenant.a'), 0);
  acks.forgetGone([], 1_000_000);
  assert.deepEqual(edgesThatSaid(acks, 'tenant.a'), ['e1']);
});

test('an edge of many incarnations takes no more memory than those that are remembered', () => {
  const acks = new Acknowledged({ keptMs: 1000 });
  for (let pod = 0; pod < 100; pod++) {
    const nowMs = pod * 10_000;
    for (let index = 0; index < 50; index++) acks.add(`pod-${pod}`, ack(`tenant.${index}`), nowMs);
    acks.forgetGone([`pod-${pod}`], nowMs);
    assert.ok(acks.size <= 50);
  }
});

test('too many acknowledgements: the oldest ones of the edge with most of them go', () => {
  const acks = new Acknowledged({ acksMax: 100 });
  acks.add('small', ack('tenant.0'), 0);
  for (let index = 0; index < 1000; index++) {
    acks.add('large', ack(`tenant.${index}`), 0);
    assert.ok(acks.size <= 100);
  }
  assert.deepEqual(edgesThatSaid(acks, 'tenant.0'), ['small']);
  assert.deepEqual(edgesThatSaid(acks, 'tenant.999'), ['large']);
  assert.ok(acks.size > 90);
});

test('too many edges: the one that was silent for longest goes', () => {
  const acks = new Acknowledged({ edgesMax: 2 });
  acks.add('e1', ack('tenant.a'), 0);
  acks.add('e2', ack('tenant.a'), 1);
  acks.forgetGone(['e1'], 2);
  acks.add('e3', ack('tenant.a'), 3);
  assert.deepEqual(edgesThatSaid(acks, 'tenant.a'), ['e1', 'e3']);
});

test('an older word is not taken, and the same document counts once', () => {
  const acks = new Acknowledged();
  assert.equal(acks.add('e1', ack('tenant.a', 7), 0), true);
  assert.equal(acks.add('e1', ack('tenant.a', 6), 0), false);
  assert.equal(acks.add('e1', ack('tenant.a', 8), 0), true);
  assert.equal(acks.get('e1', 'tenant.a')?.revision, 8);
  assert.equal(acks.size, 1);
});
