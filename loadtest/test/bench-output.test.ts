import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

test('a benchmark whose output nobody reads ends, as an interrupted one does', async () => {
  const args = ['--no-warnings', MAIN, 'proxy', '--quick', '--candidate', 'nginx'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  child.stdout.destroy();
  const [code] = (await once(child, 'close')) as [number | null]; // as its event says
  // 1: this machine has no wrk or no nginx.
  assert.ok(code === 130 || (code === 1 && errors.includes('install')), `${code}: ${errors}`);
  assert.ok(!errors.includes('EPIPE'), errors);
});
