import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChunkWriter } from './chunk-writer.ts';
import { LineSink } from './line-sink.ts';

/** A writer that finishes a chunk only when told to. */
function createManualWriter() {
  const chunks: string[] = [];
  let finish: ((error: Error | null) => void) | null = null;
  const writer: ChunkWriter = {
    atomicBytesMax: 20,
    write(chunk, done) {
      assert.equal(finish, null, 'one write at a time');
      chunks.push(chunk.toString());
      finish = done;
    },
  };
  return {
    writer,
    chunks,
    finish(error: Error | null = null): void {
      const done = finish;
      assert.ok(done !== null);
      finish = null;
      done(error);
    },
  };
}

test('lines are joined into batches that end at line ends, in order', async () => {
  const manual = createManualWriter();
  const sink = new LineSink({ destination: manual.writer, flushIntervalMs: 1 });
  for (let i = 0; i < 5; i += 1) assert.equal(sink.write(`line-${i}\n`), true);
  const flushed = sink.flush();
  for (let i = 0; i < 3; i += 1) manual.finish();
  assert.equal(await flushed, true);
  assert.deepEqual(manual.chunks, ['line-0\nline-1\n', 'line-2\nline-3\n', 'line-4\n']);
  assert.equal(sink.bufferedBytes, 0);
});

test('a blocked output drops new lines at the bound and counts them', async () => {
  const manual = createManualWriter();
  const sink = new LineSink({ destination: manual.writer, bufferBytesMax: 35 });
  const accepted = Array.from({ length: 10 }, (_, i) => sink.write(`line-${i}\n`));
  assert.equal(accepted.filter(Boolean).length, 5);
  assert.equal(sink.droppedLines, 5);
  assert.equal(sink.bufferedBytes, 35);
  assert.equal(await sink.flush(1), false);
  for (let i = 0; i < 3; i += 1) manual.finish();
  assert.equal(manual.chunks.join(''), 'line-0\nline-1\nline-2\nline-3\nline-4\n');
  assert.equal(sink.write('again\n'), true);
  const flushed = sink.flush();
  manual.finish();
  assert.equal(await flushed, true);
});

test('the bound counts bytes, not characters', () => {
  const manual = createManualWriter();
  const sink = new LineSink({ destination: manual.writer, bufferBytesMax: 10 });
  assert.equal(sink.write('ääääää\n'), false);
  assert.equal(sink.droppedLines, 1);
});

test('a line beyond the longest is dropped; one longer than a batch is written alone', async () => {
  const manual = createManualWriter();
  const sink = new LineSink({ destination: manual.writer, lineBytesMax: 40 });
  assert.equal(sink.write(`${'x'.repeat(40)}\n`), false);
  assert.equal(sink.write('short\n'), true);
  assert.equal(sink.write(`${'y'.repeat(30)}\n`), true);
  const flushed = sink.flush();
  manual.finish();
  manual.finish();
  assert.equal(await flushed, true);
  assert.deepEqual(manual.chunks, ['short\n', `${'y'.repeat(30)}\n`]);
});

test('a failed write loses its lines, counts them, and the next write goes on', async () => {
  const manual = createManualWriter();
  const sink = new LineSink({ destination: manual.writer });
  for (let i = 0; i < 3; i += 1) sink.write(`line-${i}\n`);
  const flushed = sink.flush();
  manual.finish(new Error('ENOSPC'));
  manual.finish();
  assert.equal(await flushed, false);
  assert.equal(sink.droppedLines, 2);
  assert.equal(sink.failedWrites, 1);
  assert.equal(manual.chunks.at(-1), 'line-2\n');
});

test('buffers are used again only when they are written', async () => {
  const manual = createManualWriter();
  const sink = new LineSink({ destination: manual.writer });
  const lines = Array.from({ length: 60 }, (_, i) => `line-${i}${i % 2 === 0 ? 'ä' : ''}\n`);
  for (const [i, line] of lines.entries()) {
    assert.equal(sink.write(line), true);
    if (i % 7 === 6) manual.finish();
  }
  const flushed = sink.flush();
  while (sink.bufferedBytes > 0) manual.finish();
  assert.equal(await flushed, true);
  assert.equal(manual.chunks.join(''), lines.join(''));
});
