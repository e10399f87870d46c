import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { findAdminToken } from './admin-token.ts';

let folder = '';
let file = new URL('file:///');

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-cli-'));
  file = pathToFileURL(join(folder, 'admin-token'));
  await writeFile(file, 'token-in-the-file\n');
});
after(() => rm(folder, { recursive: true }));

const local = new URL('http://127.0.0.1:8090');
const env = { HEADGATE_ADMIN_TOKEN: 'token-of-the-environment' };

test('--token comes before HEADGATE_ADMIN_TOKEN, and that before the local file', async () => {
  assert.equal((await findAdminToken('given', env, local, file))?.value, 'given');
  assert.equal(
    (await findAdminToken(undefined, env, local, file))?.value,
    env.HEADGATE_ADMIN_TOKEN,
  );
  assert.deepEqual(await findAdminToken(undefined, {}, local, file), {
    value: 'token-in-the-file',
    origin: '.headgate/admin-token',
  });
});

test('the token of the local cluster is never sent to another machine', async () => {
  for (const url of [
    'https://headgate.example',
    'http://127.0.0.1.example:8090',
    'http://10.0.0.1',
  ]) {
    assert.equal(await findAdminToken(undefined, {}, new URL(url), file), null);
  }
});

test('without any token there is none', async () => {
  assert.equal(await findAdminToken(undefined, {}, local, new URL('file:///no/such')), null);
});

test('a token that no header can hold is refused by where it came from; a line feed at its end is cut', async () => {
  const given = await findAdminToken('token\n', {}, local, file);
  assert.equal(given?.value, 'token');
  for (const bad of ['two words', 'two\nlines', 'schlüssel']) {
    await assert.rejects(findAdminToken(bad, {}, local, file), {
      exitCode: 2,
      message: 'the token of --token is not one',
    });
  }
});
