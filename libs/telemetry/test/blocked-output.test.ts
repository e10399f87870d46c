import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startProcess, temporaryDirectory, waitFor } from '@headgate/testkit';
import { LineSink } from '../src/index.ts';

const fixture = join(import.meta.dirname, 'fixtures/blocked-output.ts');

interface Report {
  readonly loopDelayMaxMs: number;
  readonly rssGrowthBytes: number;
  readonly droppedLines: number;
  readonly droppedRecords: number;
  readonly flushed: readonly boolean[];
}

for (const [name, reader] of [
  ['never reads', 'sleep 60'],
  ['is stopped by SIGSTOP', "sh -c 'kill -STOP $$; cat >/dev/null'"],
] as const) {
  test(`a process whose reader ${name} runs on, stays small, counts drops and exits`, async () => {
    const pipeline = `{ "$0" "$1"; echo "exit $?" >&2; } | ${reader}`;
    const started = await startProcess({
      command: 'sh',
      args: ['-c', pipeline, process.execPath, fixture],
      readyWhen: /^exit \d+$/,
      readyTimeoutMs: 15_000,
    });
    const [report = '', exit] = started.stderr();
    await started.stop(1);
    assert.equal(exit, 'exit 0');
    const seen = JSON.parse(report) as Report;
    assert.ok(seen.droppedRecords > 30_000, report);
    assert.deepEqual(seen.flushed, [false, false]);
    assert.ok(seen.rssGrowthBytes < 64 * 1_048_576, report);
    // A blocked write would last until the reader is gone, 60 s; the rest is room for a busy machine.
    assert.ok(seen.loopDelayMaxMs < 5000, report);
  });
}

test('a reader that goes away does not end the process', async () => {
  const pipeline = '{ "$0" "$1"; echo "exit $?" >&2; } | true';
  const started = await startProcess({
    command: 'sh',
    args: ['-c', pipeline, process.execPath, fixture],
    readyWhen: /^exit \d+$/,
    readyTimeoutMs: 15_000,
  });
  const [report = '', exit] = started.stderr();
  await started.stop(1);
  assert.equal(exit, 'exit 0');
  assert.equal((JSON.parse(report) as Report).droppedRecords, 40_000);
});

test('when the reader of a full pipe comes back, whole lines arrive in order', async () => {
  const directory = await temporaryDirectory();
  const path = join(directory.path, 'pipe');
  execFileSync('mkfifo', [path]);
  const reading = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writing = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  const sink = new LineSink({ destination: writing, bufferBytesMax: 200_000 });
  let accepted = 0;
  for (let i = 0; i < 5000; i += 1) {
    if (sink.write(`${String(i).padStart(99, '.')}\n`)) accepted += 1;
  }
  assert.equal(accepted, 2000);
  assert.equal(sink.droppedLines, 3000);
  assert.equal(await sink.flush(20), false);
  const chunk = Buffer.alloc(65_536);
  let text = '';
  await waitFor(
    () => {
      text += chunk.toString('latin1', 0, readSync(reading, chunk));
      return text.length === accepted * 100;
    },
    { message: 'all accepted lines', intervalMs: 1, describe: () => text.length },
  );
  const lines = text.trimEnd().split('\n');
  assert.deepEqual(
    lines,
    lines.map((_, i) => String(i).padStart(99, '.')),
  );
  assert.equal(await sink.flush(), true);
  closeSync(reading);
  await directory.remove();
});

test('a file gets every line', async () => {
  const directory = await temporaryDirectory();
  const path = join(directory.path, 'log');
  const file = openSync(path, 'a');
  const sink = new LineSink({ destination: file });
  let expected = '';
  for (let i = 0; i < 3000; i += 1) {
    const line = `zeile ${i} ä\n`;
    expected += line;
    assert.equal(sink.write(line), true);
  }
  assert.equal(await sink.flush(), true);
  closeSync(file);
  assert.equal(readFileSync(path, 'utf8'), expected);
  await directory.remove();
});
