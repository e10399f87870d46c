import assert from 'node:assert/strict';
import { PassThrough, Writable } from 'node:stream';
import { test } from 'node:test';
import { createTerminal } from './terminal.ts';

/** Asks a question at a terminal where somebody types. */
async function ask(typed: string): Promise<boolean> {
  // readline puts a terminal in raw mode, where Ctrl-C and Ctrl-D arrive as characters.
  const raw = { isTTY: true, setRawMode: () => undefined };
  const stdin = Object.assign(new PassThrough(), raw);
  const stderr = Object.assign(new PassThrough(), raw);
  stderr.resume();
  const clock = { nowMs: () => 0, monotonicMs: () => 0 };
  const io = { stdin, stdout: new PassThrough(), stderr, env: {}, clock };
  const answer = createTerminal(io, { color: false }).confirm('Apply?');
  stdin.write(typed);
  return answer;
}

for (const [typed, name, expected] of [
  ['y\n', 'y', true],
  ['YES\n', 'YES', true],
  ['n\n', 'n', false],
  ['\n', 'nothing', false],
  ['yesterday\n', 'another word', false],
  ['\u0003', 'Ctrl-C', false],
  ['\u0004', 'Ctrl-D', false],
] as const) {
  test(`${name} at the prompt means ${expected ? 'yes' : 'no'}`, async () => {
    assert.equal(await ask(typed), expected);
  });
}

test('progress asks a label that changes each time, and clears its line at the end', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let written = '';
  const write = (chunk: Buffer, _encoding: string, done: () => void) => {
    written += chunk.toString();
    done();
  };
  const stderr = Object.assign(new Writable({ write }), { isTTY: true });
  let nowMs = 0;
  const clock = { nowMs: () => 0, monotonicMs: () => nowMs };
  const io = { stdin: new PassThrough(), stdout: new PassThrough(), stderr, env: {}, clock };
  const { promise, resolve } = Promise.withResolvers<string>();
  let read = 0;
  const shown = createTerminal(io, { color: false }).progress(() => `read ${read}`, promise);
  for (read = 1; read <= 2; read++) {
    nowMs += 1000;
    t.mock.timers.tick(1000);
  }
  resolve('done');
  assert.equal(await shown, 'done');
  assert.equal(written, '\rread 1 … 1 s\rread 2 … 2 s\r\u001b[K');
});
