import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import {
  createRecordingOrigin,
  createTokenKey,
  temporaryDirectory,
  type RecordingOrigin,
  type TemporaryDirectory,
  type TokenKey,
} from '@headgate/testkit';
import { planDocument, startTestEdge, tenantDocument } from './support/edge-process.ts';
import { endpointsAt, routeTo } from './support/one-tenant-edge.ts';
import { requestOnce } from './support/raw-client.ts';

let directory: TemporaryDirectory;
let certificateFile: string;
let origin: RecordingOrigin;
let key: TokenKey;
let keysUrl: string;
let stopKeys: () => void;

before(async () => {
  directory = await temporaryDirectory('jwks');
  certificateFile = join(directory.path, 'certificate.pem');
  const keyFile = join(directory.path, 'key.pem');
  await promisify(execFile)('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
    ...['-days', '1', '-subj', '/CN=keys', '-addext', 'subjectAltName=IP:127.0.0.1'],
    ...['-keyout', keyFile, '-out', certificateFile],
  ]);
  const [cert, privateKey] = await Promise.all([readFile(certificateFile), readFile(keyFile)]);
  key = await createTokenKey('RS256');
  origin = await createRecordingOrigin();
  const server = createServer({ cert, key: privateKey }, (_, response) => {
    response.end(JSON.stringify({ keys: [key.jwk] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  keysUrl = `https://127.0.0.1:${address.port}/jwks`;
  stopKeys = () => {
    server.closeAllConnections();
    server.close();
  };
});
after(async () => {
  stopKeys();
  await origin.close();
  await directory.remove();
});

for (const [title, isTrusted, status] of [
  ['of a server whose certificate is trusted are taken', true, 200],
  ['of a server whose certificate is not trusted are not', false, 503],
] as const) {
  test(`keys ${title}`, async () => {
    const login = { issuer: 'https://login.test', audiences: ['api'], jwksUri: keysUrl };
    const tenant = tenantDocument({
      ...{ id: 'a', hosts: ['a.test'], jwtIssuers: { login } },
      upstreams: { main: { endpoints: endpointsAt(origin.port) } },
      routes: { all: routeTo('main', '/', { auth: 'jwt', jwt: { issuerIds: ['login'] } }) },
    });
    const edge = await startTestEdge({
      documents: [planDocument(), tenant],
      env: {
        HEADGATE_ENDPOINT_ADDRESSES_ALLOWED: '127.0.0.0/8',
        NODE_EXTRA_CA_CERTS: isTrusted ? certificateFile : undefined,
      },
    });
    const exp = Math.floor(Date.now() / 1000) + 300;
    const token = await key.sign({ iss: 'https://login.test', aud: 'api', sub: 'alice', exp });
    const request = `GET / HTTP/1.1\r\nHost: a.test\r\nAuthorization: Bearer ${token}\r\n\r\n`;
    assert.equal((await requestOnce(edge.port, request)).status, status);
    await edge.stop();
  });
}
