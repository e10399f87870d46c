import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { createFakeClock } from '@headgate/testkit';
import type { Bus } from './bus.ts';
import { createAckPublisher } from './config-acks.ts';
import { ConfigAckBatch } from './config-messages.ts';

function createHarness(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const clock = createFakeClock();
  const sent: number[][] = [];
  const state = { connected: true };
  let reconnect: (connected: boolean) => void = () => undefined;
  const bus: Pick<Bus, 'connected' | 'publish' | 'onConnection'> = {
    get connected() {
      return state.connected;
    },
    publish(_subject, data) {
      const { acks } = ConfigAckBatch.parse(JSON.parse(Buffer.from(data).toString()));
      sent.push(acks.map(({ revision }) => revision));
      return 'sent';
    },
    onConnection(listener) {
      reconnect = listener;
      return { unsubscribe: () => undefined };
    },
  };
  const publisher = createAckPublisher(bus, { clock }, { edgeId: 'edge-1', flushMs: 5 });
  return {
    sent,
    publisher,
    setConnected: (connected: boolean): void => {
      state.connected = connected;
      if (connected) reconnect(connected);
    },
    acknowledge: (revision: number, thenMs: number): void => {
      publisher.add({ key: 'tenant.a', revision, outcome: 'applied', at: revision });
      for (let ms = 0; ms < thenMs; ms += 1) {
        clock.advance(1);
        t.mock.timers.tick(1);
      }
    },
  };
}

test('acknowledgements after a pause go at once, those of a stream together', (t) => {
  const { sent, publisher, acknowledge } = createHarness(t);
  acknowledge(1, 5);
  assert.deepEqual(sent, [[1]], 'after a pause');
  for (const revision of [2, 3, 4, 5, 6]) acknowledge(revision, 10);
  assert.deepEqual(sent.slice(1), [[2, 3, 4, 5, 6]], '50 ms later');
  acknowledge(7, 49);
  assert.equal(sent.length, 2);
  acknowledge(8, 1000);
  assert.deepEqual(sent.slice(2), [[7, 8]]);
  acknowledge(9, 5);
  assert.deepEqual(sent.slice(3), [[9]]);
  publisher.close();
});

test('what waited for a connection goes with it, and what comes then waits for others as always', (t) => {
  const { sent, publisher, setConnected, acknowledge } = createHarness(t);
  setConnected(false);
  acknowledge(1, 4);
  setConnected(true);
  assert.deepEqual(sent, [[1]]);
  acknowledge(2, 10);
  acknowledge(3, 40);
  assert.deepEqual(sent.slice(1), [[2, 3]]);
  publisher.close();
});
