import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { compileChain } from '@headgate/limiting';
import { systemRandom } from '@headgate/runtime';
import { startRedis, temporaryDirectory, waitFor } from '@headgate/testkit';
import { createRedisLimitStore } from '../src/index.ts';
import { openEdge } from './redis-harness.ts';

const directory = await temporaryDirectory('tls');
const certificateFile = join(directory.path, 'certificate.pem');
const keyFile = join(directory.path, 'key.pem');
await promisify(execFile)('openssl', [
  ...[
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '1',
  ],
  ...['-subj', '/CN=redis', '-addext', 'subjectAltName=IP:127.0.0.1'],
  ...['-keyout', keyFile, '-out', certificateFile],
]);
const server = await startRedis({ password: 'p@ss', tls: { certificateFile, keyFile } });
const place = { host: server.host, port: server.port };
const ca = await readFile(certificateFile, 'utf8');

after(async () => {
  await server.stop();
  await directory.remove();
});

test('limits over TLS with a password', async () => {
  const edge = await openEdge({ ...place, password: 'p@ss', tls: { ca } }, 250);
  const rule = { name: 'min', level: 'tenant', limit: 5, windowMs: 60_000, scope: '' } as const;
  const chain = compileChain('acme', [{ ...rule, onStoreLoss: 'share' }]);
  const verdict = await edge.limiter.take(chain, 1);
  await edge.close();
  assert.deepEqual([verdict.outcome, verdict.source], ['admitted', 'store']);
});

test('a certificate that nobody vouches for, and a wrong password, are no connection', async () => {
  for (const [access, reason] of [
    [{ password: 'p@ss', tls: {} }, /self-signed certificate/],
    [{ password: 'wrong', tls: { ca } }, /WRONGPASS|NOAUTH/],
  ] as const) {
    const store = createRedisLimitStore({ redis: { ...place, ...access }, random: systemRandom });
    await waitFor(
      async () => {
        const error: unknown = await store.probe().catch((failure: unknown) => failure);
        return error instanceof Error && reason.test(error.message);
      },
      { message: `the failure to tell of ${reason.source}` },
    );
    await store.close();
  }
});
