import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '@headgate/testkit';
import { findMicroBenchmarks } from './find-micro-benchmarks.ts';
import { runMicroBenchmarks } from './micro-benchmark.ts';

const FILES = {
  'libs/http1/bench/codec.bench.ts': "console.log('12 ns  parse'); console.log('note');",
  'services/edge/bench/bad.bench.ts': "console.log('1 ns lost'); throw new Error('does not work');",
  'services/edge/bench/good.bench.ts': "console.log('look up  7.5 ns/op');",
  'services/edge/src/not.bench.ts': "throw new Error('not in a folder bench');",
  'libs/http1/bench/support.ts': "throw new Error('no benchmark');",
};

test('all files run in processes of their own; one that fails is a fault, and the rest goes on', async () => {
  const directory = await temporaryDirectory('micro');
  const root = directory.path;
  try {
    for (const [file, text] of Object.entries(FILES)) {
      await mkdir(dirname(join(root, file)), { recursive: true });
      await writeFile(join(root, file), text);
    }
    assert.deepEqual(await findMicroBenchmarks(root), [
      'libs/http1/bench/codec.bench.ts',
      'services/edge/bench/bad.bench.ts',
      'services/edge/bench/good.bench.ts',
    ]);
    const said: string[] = [];
    const { signal } = new AbortController();
    const say = (line: string): void => void said.push(line);
    const { report, lines } = await runMicroBenchmarks(root, { quick: false, say, signal });
    assert.deepEqual(
      report.rows.map(({ name, profile }) => [name, profile]),
      [
        ['parse', 'micro'],
        ['look up', 'micro'],
      ],
    );
    assert.equal(report.faults.length, 1);
    assert.match(report.faults[0] ?? '', /^services\/edge\/bench\/bad[^]*does not work/);
    assert.ok(said.includes('  12 ns  parse') && said.includes('  note'));
    assert.match(lines[0] ?? '', /^2 figures of 3 files$/);
  } finally {
    await directory.remove();
  }
});

test('an interrupted run ends with the interruption', async () => {
  const directory = await temporaryDirectory('micro');
  try {
    const file = join(directory.path, 'libs/a/bench/a.bench.ts');
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, 'setInterval(() => undefined, 1000);');
    const interruption = new AbortController();
    const running = runMicroBenchmarks(directory.path, {
      quick: false,
      say: () => void setImmediate(() => interruption.abort()),
      signal: interruption.signal,
    });
    await assert.rejects(running, { name: 'AbortError' });
  } finally {
    await directory.remove();
  }
});
