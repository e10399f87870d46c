import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createHttpOrigin, temporaryDirectory } from '@headgate/testkit';
import { openIdleConnections } from '../open-idle-connections.ts';

const { signal } = new AbortController();

test('all connections stay open after one answer each; failures are counted', async () => {
  const addresses = new Set<string | undefined>();
  const clients = new Set<string>();
  const origin = await createHttpOrigin((request, response) => {
    const { remoteAddress, remotePort } = request.socket;
    addresses.add(remoteAddress);
    clients.add(`${remoteAddress} ${remotePort}`);
    const isBad = request.headers.host === 'bad.example';
    response.writeHead(isBad ? 503 : 200, { 'content-length': 2 }).end('ok');
  });
  const directory = await temporaryDirectory('bench');
  try {
    const hostsFile = join(directory.path, 'hosts');
    await writeFile(hostsFile, 'a.example\nb.example\nbad.example\nc.example\n');
    const run = { port: origin.port, hostsFile, path: '/', connections: 200 };
    const connections = await openIdleConnections(run, signal);
    assert.equal(clients.size, 200);
    assert.equal(addresses.size, process.platform === 'linux' ? 8 : 1);
    assert.deepEqual(await connections.close(), { idle: 150, failed: 50 });
  } finally {
    await origin.close();
    await directory.remove();
  }
});
