import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '@headgate/testkit';
import type { Bus } from './bus.ts';
import { createAckPublisher } from './config-acks.ts';
import { ConfigAckBatch } from './config-messages.ts';

test('acknowledgements after a pause go at once, those of a stream together', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const clock = createFakeClock();
  const sent: number[][] = [];
  const bus: Pick<Bus, 'connected' | 'publish' | 'onConnection'> = {
    connected: true,
    publish(_subject, data) {
      const { acks } = ConfigAckBatch.parse(JSON.parse(Buffer.from(data).toString()));
      sent.push(acks.map(({ revision }) => revision));
      return 'sent';
    },
    onConnection: () => ({ unsubscribe: () => undefined }),
  };
  const publisher = createAckPublisher(bus, { clock }, { edgeId: 'edge-1', flushMs: 5 });
  const acknowledge = (revision: number, thenMs: number) => {
    publisher.add({ key: 'tenant.a', revision, outcome: 'applied', at: revision });
    for (let ms = 0; ms < thenMs; ms += 1) {
      clock.advance(1);
      t.mock.timers.tick(1);
    }
  };
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
