import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { ProcessStartError, temporaryDirectory } from '@headgate/testkit';
import { startService } from './support/service.ts';

/** Starts the service where it cannot start; returns its last lines. */
async function failingStart(env: Readonly<Record<string, string>>): Promise<string> {
  const error = await startService(env).then(
    () => assert.fail('the service must not start'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof ProcessStartError);
  assert.deepEqual(error.exit, { code: 1, signal: null });
  return error.output;
}

test('a start that cannot succeed ends with one clear message and exit code 1', async () => {
  const directory = await temporaryDirectory('config-start');
  const port = createServer().listen(0, '127.0.0.1');
  const env = { HEADGATE_DATA_DIR: directory.path, HEADGATE_NATS_URL: 'nats://127.0.0.1:1' };
  try {
    const bad = await failingStart({ ...env, HEADGATE_ADMIN_TOKEN: 'short' });
    assert.match(bad, /HEADGATE_ADMIN_TOKEN=\(hidden\): must be 16 to 4096/);
    const away = await failingStart({
      HEADGATE_DATABASE_URL: 'postgres://u:secret-password@127.0.0.1:1/x',
    });
    assert.match(away, /cannot open the database: .*ECONNREFUSED/);
    assert.ok(!away.includes('secret-password'));
    const taken = (port.address() as AddressInfo).port;
    const used = await failingStart({ ...env, HEADGATE_CONFIG_LISTEN: `127.0.0.1:${taken}` });
    assert.match(used, /cannot listen on 127\.0\.0\.1:\d+ .*: the port is in use/);

    const service = await startService(env);
    const second = await failingStart(env);
    assert.match(second, /is in use by another process/);
    assert.equal((await fetch(`${service.adminUrl}/livez`)).status, 200);
    assert.equal((await fetch(`${service.adminUrl}/readyz`)).status, 200);
    assert.deepEqual(await service.process.stop(), { code: 0, signal: null });

    await writeFile(join(directory.path, 'pglite/global/pg_control'), '');
    const damaged = await failingStart(env);
    assert.match(damaged, /the files in .*pglite cannot be used; restore it from a copy/);
  } finally {
    port.close();
    await directory.remove();
  }
});
