import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { startPostgres } from '../src/index.ts';

/** Logs in by hand (protocol 3.0): true if the server gets ready for a query, false if it refuses. */
async function canLogIn(port: number, user: string): Promise<boolean> {
  const parameters = Buffer.from(`user\0${user}\0database\0postgres\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(head.length + parameters.length, 0);
  head.writeInt32BE(3 << 16, 4);
  const socket = connect(port, '127.0.0.1').setEncoding('latin1');
  try {
    socket.write(Buffer.concat([head, parameters]));
    let received = '';
    for await (const chunk of socket) {
      received += chunk as string;
      if (received.endsWith('Z\0\0\0\x05I')) return true;
    }
    return false;
  } finally {
    socket.destroy();
  }
}

test('postgres starts, lets its user in, survives SIGKILL and restarts on the same port', async () => {
  const postgres = await startPostgres({ settings: { max_connections: '20' } });
  try {
    assert.equal(postgres.url, `postgres://headgate@127.0.0.1:${postgres.port}/postgres`);
    assert.equal(await canLogIn(postgres.port, 'headgate'), true);
    assert.equal(await canLogIn(postgres.port, 'stranger'), false);
    const { port, pid } = postgres;
    await postgres.kill();
    await postgres.restart();
    assert.equal(postgres.port, port);
    assert.notEqual(postgres.pid, pid);
    assert.equal(await canLogIn(port, 'headgate'), true);
  } finally {
    await postgres.stop();
  }
});
