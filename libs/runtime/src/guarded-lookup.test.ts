import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createGuardedLookup, type ResolveAll } from './guarded-lookup.ts';

/** A resolver that gives each name these addresses. */
const resolverOf =
  (...addresses: string[]): ResolveAll =>
  (_name, _options, done) =>
    setImmediate(
      done,
      null,
      addresses.map((address) => ({ address, family: 4 })),
    );

async function connects(lookup: ReturnType<typeof createGuardedLookup>): Promise<string> {
  const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // listens on a TCP port
  const socket = connect({ host: 'a.example', port, lookup });
  try {
    await once(socket, 'connect');
    return String(socket.remoteAddress);
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  } finally {
    socket.destroy();
    server.close();
  }
}

test('a name leads only to addresses that are not refused', async () => {
  const refuse = (address: string) => address !== '127.0.0.1';
  const to = (...addresses: string[]) => createGuardedLookup(resolverOf(...addresses), refuse);
  assert.equal(await connects(to('127.0.0.1')), '127.0.0.1');
  assert.equal(await connects(to('127.0.0.9', '127.0.0.1')), '127.0.0.1');
  assert.equal(await connects(to('127.0.0.9', '169.254.169.254')), 'ADDRESS_REFUSED');
});

test('a name that cannot be resolved fails as it does without a guard', async () => {
  const missing = Object.assign(new Error('unknown'), { code: 'ENOTFOUND' });
  const lookup = createGuardedLookup(
    (_name, _options, done) => setImmediate(done, missing, []),
    () => false,
  );
  assert.equal(await connects(lookup), 'ENOTFOUND');
});
