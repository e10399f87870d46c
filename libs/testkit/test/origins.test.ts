import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { createHttpOrigin, createRecordingOrigin, waitFor } from '../src/index.ts';

const GET = 'GET /\xe9 HTTP/1.1\r\nhost: a\r\n\r\n';

function collect(socket: Socket): () => string {
  let received = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => (received += chunk));
  return () => received;
}

test('the recording origin records exact bytes and answers pipelined requests in order', async () => {
  const origin = await createRecordingOrigin();
  const socket = connect(origin.port, '127.0.0.1');
  try {
    const received = collect(socket);
    origin.respondWith(async (request) => {
      if (request.head.startsWith('POST')) await new Promise((resolve) => setImmediate(resolve));
      return `<${request.head.slice(0, 3)}>`;
    });
    const post = 'POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\nab';
    socket.write(Buffer.from(post + GET, 'latin1'));
    await waitFor(() => received() === '<POS><GET>', { message: 'both', describe: received });
    assert.equal(origin.requests[0]?.raw.toString('latin1'), post);
    assert.equal(origin.requests[1]?.raw.toString('latin1'), GET);
    assert.equal(origin.connections[0]?.received().toString('latin1'), post + GET);
  } finally {
    socket.destroy();
    await origin.close();
  }
});

test('the recording origin can answer slowly, half-close and reset', async () => {
  const origin = await createRecordingOrigin({
    handler: async (_request, connection) => {
      if (connection.index === 1) return (connection.reset(), undefined);
      await connection.writeSlowly('slow', { pieceBytes: 1, pauseMs: 1 });
      connection.end();
      return undefined;
    },
  });
  const first = connect({ port: origin.port, host: '127.0.0.1', allowHalfOpen: true });
  const second = connect(origin.port, '127.0.0.1');
  try {
    const received = collect(first);
    first.write(GET, 'latin1');
    await once(first, 'end');
    assert.equal(received(), 'slow');
    first.write('after the half-close');
    await waitFor(() => origin.connections[0]?.received().includes('after the half'), {
      message: 'bytes after the half-close',
    });
    assert.equal(origin.connections[0]?.ended, false);
    second.write(GET, 'latin1');
    const [error] = (await once(second, 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'ECONNRESET');
  } finally {
    first.destroy();
    second.destroy();
    await origin.close();
  }
});

test('an exception in the handler is kept and resets the connection', async () => {
  const bug = new Error('bug');
  const origin = await createRecordingOrigin({
    handler: () => {
      throw bug;
    },
  });
  try {
    const socket = connect(origin.port, '127.0.0.1');
    socket.write(GET, 'latin1');
    await once(socket, 'error');
    assert.deepEqual(origin.handlerErrors, [bug]);
  } finally {
    await origin.close();
  }
});

test('the http origin counts requests and connections, and close() ends idle connections', async () => {
  const origin = await createHttpOrigin((request, response) => {
    if (request.url === '/bug') throw new Error('bug');
    response.end(`hello ${request.url}`);
  });
  assert.equal(await (await fetch(`${origin.url}/a`)).text(), 'hello /a');
  const failed = await fetch(`${origin.url}/bug`);
  assert.equal(failed.status, 500);
  await failed.text();
  const fetchConnections = origin.connectionCount;
  const idle = connect(origin.port, '127.0.0.1');
  idle.on('error', () => undefined);
  await waitFor(() => origin.connectionCount > fetchConnections, {
    message: 'the idle connection',
  });
  assert.equal(origin.requestCount, 2);
  const idleClosed = once(idle, 'close');
  await origin.close();
  await idleClosed;
  await assert.rejects(fetch(origin.url));
});
