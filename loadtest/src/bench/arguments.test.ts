import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBenchArguments } from './arguments.ts';

const NAMES = ['proxy', 'limits'];

test('no arguments and --help ask for the list', () => {
  for (const args of [[], ['--help'], ['-h'], ['proxy', '--help']]) {
    assert.deepEqual(parseBenchArguments(args, NAMES), { kind: 'list' }, args.join(' '));
  }
});

test('a name runs its benchmark; options may stand before or after it', () => {
  const run = { kind: 'run', name: 'proxy', quick: false, jsonPath: null };
  assert.deepEqual(parseBenchArguments(['proxy'], NAMES), run);
  assert.deepEqual(parseBenchArguments(['--quick', 'proxy', '--json', 'out.json'], NAMES), {
    ...run,
    quick: true,
    jsonPath: 'out.json',
  });
});

test('what is not understood is a fault that names it', () => {
  const cases: [string[], RegExp][] = [
    [['proxies'], /unknown benchmark: proxies/],
    [['toString'], /unknown benchmark: toString/],
    [['proxy', 'limits'], /limits/],
    [['proxy', '--fast'], /--fast/],
    [['proxy', '--json'], /--json/],
    [['proxy', '--json='], /--json/],
    [['--quick'], /name a benchmark/],
  ];
  for (const [args, message] of cases) {
    const request = parseBenchArguments(args, NAMES);
    assert.equal(request.kind, 'fault', args.join(' '));
    if (request.kind === 'fault') assert.match(request.message, message);
  }
});
