import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { waitFor } from '@headgate/testkit';
import { withListener } from '../../test/support/listener-scene.ts';
import { connectRaw, requestOnce } from '../../test/support/raw-client.ts';
import { HeldClock } from '../io/held-clock.ts';
import type { Exchange } from '../request/exchange.ts';
import { localReply } from '../request/local-reply.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';

const failToFlush = (): void => {
  throw new Error('flush');
};

suite('a bug in a flush', () => {
  test('within a read: the connection ends, time goes on, and the next client is served', async (context) => {
    const hold = context.mock.method(HeldClock.prototype, 'hold');
    const release = context.mock.method(HeldClock.prototype, 'release');
    let served = 0;
    const handle = (exchange: Exchange): void => {
      if (served === 0) exchange.flush = failToFlush;
      served += 1;
      exchange.answer(localReply('HG_TENANT_UNKNOWN'));
    };
    await withListener({ handle }, async ({ port, bugs }) => {
      const client = await connectRaw(port);
      client.send(GET);
      await client.closed();
      assert.equal(client.received(), '');
      assert.deepEqual([...new Set(bugs.map(String))], ['Error: flush']);
      assert.ok(hold.mock.callCount() > 0);
      assert.equal(release.mock.callCount(), hold.mock.callCount());
      assert.equal((await requestOnce(port, GET)).status, 404);
      client.close();
    });
  });

  test('outside of a read, as at FIN: the connection ends', async () => {
    const waiting: Exchange[] = [];
    const handle = (exchange: Exchange): void => void waiting.push(exchange);
    await withListener({ handle }, async ({ port, bugs, records }) => {
      const client = await connectRaw(port);
      client.send(GET);
      const exchange = await waitFor(() => waiting[0], { message: 'the request' });
      exchange.flush = failToFlush;
      client.socket.end();
      await waitFor(() => records.length === 1, { message: 'the record' });
      assert.deepEqual([...new Set(bugs.map(String))], ['Error: flush']);
      assert.equal(exchange.active, false);
      client.close();
    });
  });
});
