import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { test } from 'node:test';
import { ProcessStartError, startNats, startRedis } from '../src/index.ts';

/** Sends bytes to a local port and resolves with what came back until `until` matches. */
async function exchange(port: number, bytes: string | Uint8Array, until: RegExp): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1');
  try {
    socket.write(bytes);
    let received = '';
    for await (const chunk of socket) {
      received += chunk as string;
      if (until.test(received)) return received;
    }
    return received;
  } finally {
    socket.destroy();
  }
}

test('redis starts with a password and keeps its data over restart and kill when append-only', async () => {
  const redis = await startRedis({ password: 's3cret', appendOnly: true });
  try {
    const { port } = redis;
    assert.equal(redis.url, `redis://:s3cret@127.0.0.1:${port}`);
    assert.match(await exchange(port, 'PING\r\n', /\r\n/), /^-NOAUTH/);
    assert.match(await exchange(port, 'AUTH s3cret\r\nSET a 1\r\n', /OK.*OK/s), /OK/);

    const pidBefore = redis.pid;
    await redis.restart();
    assert.notEqual(redis.pid, pidBefore);
    assert.equal(redis.port, port);
    assert.match(await exchange(port, 'AUTH s3cret\r\nGET a\r\n', /\$.*\r\n.*\r\n/s), /\$1\r\n1/);

    assert.deepEqual(await redis.kill(), { code: null, signal: 'SIGKILL' });
    await redis.restart();
    assert.match(await exchange(port, 'AUTH s3cret\r\nGET a\r\n', /\$.*\r\n.*\r\n/s), /\$1\r\n1/);
  } finally {
    await redis.stop();
  }
});

test('redis without persistence forgets at a restart; pause() silences it until resume()', async () => {
  const redis = await startRedis();
  try {
    await exchange(redis.port, 'SET a 1\r\n', /OK/);
    await redis.restart();
    assert.match(await exchange(redis.port, 'GET a\r\n', /\r\n/), /^\$-1/);

    redis.pause();
    const order: string[] = [];
    const answer = exchange(redis.port, 'PING\r\n', /PONG/).then(() => order.push('answer'));
    order.push('resume');
    redis.resume();
    await answer;
    assert.deepEqual(order, ['resume', 'answer']);
  } finally {
    await redis.stop();
  }
});

test('a server whose fixed port is taken reports that', async () => {
  const squatter = createServer().listen(0, '127.0.0.1');
  await once(squatter, 'listening');
  const address = squatter.address();
  assert.ok(address !== null && typeof address === 'object');
  try {
    await assert.rejects(startRedis({ port: address.port }), ProcessStartError);
  } finally {
    squatter.close();
  }
});

test('nats starts with JetStream and its payload limit, and restarts on the same port', async () => {
  const nats = await startNats({ payloadBytesMax: 4096 });
  try {
    const info = await exchange(nats.port, '', /\r\n/);
    assert.match(info, /"jetstream":true/);
    assert.match(info, /"max_payload":4096/);
    const { port, pid } = nats;
    await nats.restart();
    await nats.restartEmpty();
    assert.equal(nats.port, port);
    assert.notEqual(nats.pid, pid);
    assert.match(await exchange(port, '', /\r\n/), /^INFO /);
  } finally {
    await nats.stop();
  }
});
