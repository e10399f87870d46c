import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { startProcess, waitFor, type StartedProcess } from '@headgate/testkit';

const fixture = join(import.meta.dirname, 'fixtures/service.ts');

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

function start(fault: string, env: Readonly<Record<string, string | undefined>> = {}) {
  return startProcess({
    command: process.execPath,
    args: [fixture, fault],
    env: { HEADGATE_NODE_ID: 'n1', OTEL_EXPORTER_OTLP_ENDPOINT: undefined, ...env },
  });
}

async function startReady(fault: string): Promise<StartedProcess> {
  const started = await start(fault);
  await waitForMessage(started, 'ready');
  return started;
}

function linesOf(started: StartedProcess): Line[] {
  return started.stdout().map((line) => JSON.parse(line) as Line); // written by the logger
}

async function waitForMessage(started: StartedProcess, message: string): Promise<void> {
  await waitFor(() => linesOf(started).some(({ msg }) => msg === message), {
    message: `the line "${message}"`,
    describe: () => started.stderr().join('\n'),
  });
}

const messagesOf = (started: StartedProcess) => linesOf(started).map(({ msg }) => msg);

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} closes what is open in reverse, logs it to the last line and exits 0`, async () => {
    const started = await startReady('none');
    started.kill(signal);
    assert.deepEqual(await started.exited, { code: 0, signal: null });
    assert.deepEqual(messagesOf(started), [
      'unknown environment variables',
      'ready',
      'stopping',
      'part closed',
      'work closed',
      'stopped',
    ]);
    const [unknown, , stopping] = linesOf(started);
    assert.deepEqual(unknown?.['names'], ['HEADGATE_MISSPELT']);
    assert.equal(unknown?.level, 'warn');
    assert.equal(unknown?.['service'], 'fixture');
    assert.equal(unknown?.['nodeId'], 'n1');
    assert.equal(stopping?.['signal'], signal);
    assert.deepEqual(started.stderr(), []);
  });
}

for (const [first, second] of [
  ['SIGTERM', 'SIGTERM'],
  ['SIGTERM', 'SIGINT'],
] as const) {
  test(`${second} after ${first} ends a shutdown that hangs at once, with exit code 1`, async () => {
    const started = await startReady('hang');
    started.kill(first);
    await waitForMessage(started, 'part closed');
    started.kill(second);
    assert.deepEqual(await started.exited, { code: 1, signal: null });
    assert.equal(messagesOf(started).at(-1), 'part closed');
  });
}

test('a shutdown that takes longer than its bound is cut off with exit code 1', async () => {
  const started = await startReady('cut-off');
  started.kill('SIGTERM');
  assert.deepEqual(await started.exited, { code: 1, signal: null });
  assert.equal(messagesOf(started).at(-1), 'not stopped in time');
});

test('a part that cannot be closed is named, keeps no other open, and makes the exit code 1', async () => {
  const started = await startReady('close');
  started.kill('SIGTERM');
  assert.deepEqual(await started.exited, { code: 1, signal: null });
  assert.deepEqual(messagesOf(started).slice(-3), ['work closed', 'not closed', 'stopped']);
  assert.equal(linesOf(started).at(-2)?.['part'], 'part');
});

test('a service that cannot go on says why on standard error, closes and exits 1', async () => {
  const started = await start('later');
  assert.deepEqual(await started.exited, { code: 1, signal: null });
  assert.deepEqual(started.stderr(), ['the port was taken']);
  assert.deepEqual(messagesOf(started).slice(-3), ['part closed', 'work closed', 'stopped']);
});

for (const [name, fault, env, stderr] of [
  ['a fault at start', 'start', {}, ['cannot open the store: disk full']],
  [
    'a bad environment',
    'none',
    { HEADGATE_NODE_ID: undefined },
    ['Invalid environment:', '  HEADGATE_NODE_ID: required'],
  ],
  [
    'a bad setting of tracing',
    'none',
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector' },
    ['OTEL_EXPORTER_OTLP_ENDPOINT: must be an http:// or https:// URL'],
  ],
] as const) {
  test(`${name} is one clear message without a stack, and exit code 1`, async () => {
    const started = await start(fault, env);
    assert.deepEqual(await started.exited, { code: 1, signal: null });
    assert.deepEqual(started.stderr(), stderr);
    // What was logged before is not lost.
    const logged = name === 'a bad environment' ? [] : ['unknown environment variables'];
    assert.deepEqual(messagesOf(started), logged);
  });
}

test('a bug at start keeps its stack', async () => {
  const started = await start('bug');
  assert.deepEqual(await started.exited, { code: 1, signal: null });
  const output = started.stderr().join('\n');
  assert.match(output, /TypeError: not a fault of the operator\n\s+at .*fixtures\/service\.ts/);
});
