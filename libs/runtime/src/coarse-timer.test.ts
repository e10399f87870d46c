import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { DeadlineSweeper } from './coarse-timer.ts';

test('a loop that was blocked hears what arrived in time before it expires anything', async (context) => {
  const events: string[] = [];
  const entry = { deadlineMs: Infinity, urgent: false, onExpire: () => events.push('expired') };
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

test('what an expiry throws is reported, and the others expire all the same', async (context) => {
  const expired: string[] = [];
  const errors: unknown[] = [];
  const sweeper = new DeadlineSweeper({
    now: () => 1000,
    tickMs: 1,
    onError: (error) => errors.push(error),
  });
  context.after(() => sweeper.stop());
  const due = { deadlineMs: 1000, urgent: false };
  const bug = new Error('a bug');
  const throws = (): void => {
    throw bug;
  };
  sweeper.add({ ...due, onExpire: throws });
  sweeper.add({ ...due, onExpire: () => expired.push('due') });
  sweeper.add({ ...due, deadlineMs: 1001, onExpire: () => expired.push('not due') });
  sweeper.start();
  while (expired.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([expired, errors], [['due'], [bug]]);
});

test('whom somebody waits for expires before thousands of others that were due before; who has gone does not', async (context) => {
  const expired: string[] = [];
  let nowMs = 1000;
  const sweeper = new DeadlineSweeper({
    now: () => nowMs,
    tickMs: 1,
    onError: assert.ifError,
  });
  context.after(() => sweeper.stop());
  const gone = { deadlineMs: 1000, urgent: false, onExpire: () => expired.push('gone') };
  const idle = Array.from({ length: 2000 }, () => {
    return { deadlineMs: 1000, urgent: false, onExpire: () => expired.push('idle') };
  });
  for (const entry of [...idle, gone]) sweeper.add(entry);
  sweeper.add({ deadlineMs: 1001, urgent: true, onExpire: () => expired.push('request') });
  sweeper.start();
  while (expired.length === 0) await new Promise((resolve) => setImmediate(resolve));
  sweeper.remove(gone);
  nowMs = 1001;
  while (!expired.includes('request')) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(expired.length < 1000, `${expired.length} before it`);
  nowMs = 10_000;
  while (expired.length < 2001) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(!expired.includes('gone'));
});
