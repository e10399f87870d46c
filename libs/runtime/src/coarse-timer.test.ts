import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { DeadlineSweeper } from './coarse-timer.ts';

test('a loop that was blocked hears what arrived in time before it expires anything', async (context) => {
  const events: string[] = [];
  const entry = { deadlineMs: Infinity, onExpire: () => events.push('expired') };
  const sweeper = new DeadlineSweeper({
    now: () => performance.now(),
    tickMs: 10,
    onError: assert.ifError,
  });
  const server = createServer((socket) => {
    socket.on('data', () => {
      events.push('data');
      entry.deadlineMs = Infinity;
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const client = connect(port, '127.0.0.1');
  await once(server, 'connection');
  context.after(() => {
    sweeper.stop();
    client.destroy();
    server.close();
  });
  sweeper.add(entry);
  sweeper.start();
  entry.deadlineMs = performance.now() + 50;
  client.write('in time');
  const untilMs = performance.now() + 150;
  while (performance.now() < untilMs); // the loop is blocked
  while (events.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(events, ['data']);
});

test('a thousand that expire at once do so in several turns of the loop, each once', async (context) => {
  const expiredInTurn: number[] = [0];
  const sweeper = new DeadlineSweeper({ now: () => 1000, tickMs: 1, onError: assert.ifError });
  context.after(() => sweeper.stop());
  for (let entry = 0; entry < 1000; entry += 1) {
    const onExpire = (): void => {
      expiredInTurn[expiredInTurn.length - 1] = (expiredInTurn.at(-1) ?? 0) + 1;
    };
    sweeper.add({ deadlineMs: entry, onExpire });
  }
  sweeper.start();
  const total = (): number => expiredInTurn.reduce((sum, count) => sum + count, 0);
  while (total() < 1000) {
    await new Promise((resolve) => setImmediate(resolve));
    expiredInTurn.push(0);
  }
  assert.equal(total(), 1000);
  assert.ok(Math.max(...expiredInTurn) <= 128, expiredInTurn.join());
});
