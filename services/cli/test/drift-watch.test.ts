import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { run, startContractServer, type Answer } from './cli-harness.ts';

const AT = '2027-01-15T08:00:00.000Z';
const change = (action: string) => ({ action, kind: 'plan', id: 'gold', fields: [] });
const reply = (...actions: string[]): Answer => ({
  body: { dryRun: true, revision: 7, changes: actions.map(change) },
});
const AWAY: Answer = { status: 503, body: { title: 'away', code: 'HG_API_STORE_UNAVAILABLE' } };

async function watch(t: TestContext, answers: readonly Answer[], ...args: string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'headgate-cli-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'b.yaml');
  await writeFile(file, 'apiVersion: headgate/v1\nplans: { gold: {} }\n');
  const left = [...answers];
  const server = await startContractServer(t, () => left.shift() ?? { status: 500, body: '' });
  const watching = ['drift', '-f', file, '--watch', '100ms', '--times', String(answers.length)];
  const result = await run([...watching, ...args, '--url', server.url]);
  return { ...result, lines: result.stdout.trimEnd().split('\n'), file };
}

test('drift --watch tells when drift begins, changes and ends; the last check decides the exit code', async (t) => {
  const same = reply('unchanged');
  const answers = [same, same, reply('create'), reply('create'), AWAY, reply('update', 'delete')];
  const { code, lines, file } = await watch(t, answers);
  assert.equal(code, 5);
  assert.deepEqual(lines, [
    `${AT}  no drift from ${file}`,
    `${AT}  drift from ${file}: 1 missing, 0 different, 0 not in the bundle`,
    `${AT}  POST /v1/compare: away (HG_API_STORE_UNAVAILABLE)`,
    `${AT}  drift from ${file}: 0 missing, 1 different, 1 not in the bundle`,
  ]);
});

test('drift --watch -o json prints an event for each check', async (t) => {
  const { code, lines } = await watch(t, [reply('create'), AWAY, reply(), reply()], '-o', 'json');
  assert.equal(code, 0);
  const found = { drift: true, revision: 7, missing: 1, different: 0, notInBundle: 0 };
  const none = { ...found, drift: false, missing: 0 };
  const error = 'POST /v1/compare: away (HG_API_STORE_UNAVAILABLE)';
  const event = { at: AT, event: 'drift-check' };
  assert.deepEqual(
    lines.map((line) => JSON.parse(line) as unknown),
    [
      { ...event, ...found, changed: true },
      { ...event, error, changed: true },
      { ...event, ...none, changed: true },
      { ...event, ...none, changed: false },
    ],
  );
});

test('a watch whose last check failed fails as that check did', async (t) => {
  const { code, stderr } = await watch(t, [reply(), AWAY]);
  assert.deepEqual([code, /^error: POST \/v1\/compare: away/.test(stderr)], [1, true]);
});
