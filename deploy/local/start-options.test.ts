import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseStartOptions, USAGE } from './start-options.ts';

test('without flags: two edges, port 8080, .headgate of the workspace', () => {
  assert.deepEqual(parseStartOptions([], '/work'), {
    edges: 2,
    portBase: 8080,
    fresh: false,
    dataDirectory: '/work/.headgate',
  });
});

test('every flag is read', () => {
  const args = ['--edges', '3', '--port-base=9000', '--fresh', '--data-dir', '/tmp/x'];
  assert.deepEqual(parseStartOptions(args, '/work'), {
    edges: 3,
    portBase: 9000,
    fresh: true,
    dataDirectory: '/tmp/x',
  });
});

test('--help asks for the usage, which names every flag', () => {
  assert.equal(parseStartOptions(['--help'], '/work'), null);
  for (const flag of ['--edges', '--port-base', '--fresh', '--data-dir']) {
    assert.ok(USAGE.includes(flag));
  }
});

for (const [args, expected] of [
  [['--edges', '0'], /--edges 0: must be a whole number from 1 to 9/],
  [['--edges', '10'], /from 1 to 9/],
  [['--edges', '1.5'], /--edges 1\.5: must be/],
  [['--port-base', '80'], /from 1024 to 65477/],
  [['--port-base', '65500'], /from 1024 to 65477/],
  [['--edgse', '2'], /Unknown option '--edgse'/],
  [['extra'], /Unexpected argument 'extra'/],
  [['--edges'], /--edges/],
] as const) {
  test(`refused with exit code 2: ${args.join(' ')}`, () => {
    assert.throws(() => parseStartOptions(args, '/work'), { message: expected, exitCode: 2 });
  });
}
