import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBenchArguments } from './arguments.ts';

const BENCHMARKS = [
  { name: 'proxy', profiles: ['small', 'rate'], candidates: ['headgate', 'nginx'] },
  { name: 'micro', profiles: [], candidates: [] },
];

test('no arguments and --help ask for the list', () => {
  for (const args of [[], ['--help'], ['-h'], ['proxy', '--help']]) {
    assert.deepEqual(parseBenchArguments(args, BENCHMARKS), { kind: 'list' }, args.join(' '));
  }
});

const RUN = {
  kind: 'run',
  name: 'proxy',
  quick: false,
  jsonPath: null,
  profiles: null,
  candidates: null,
};

test('a name runs its benchmark; options may stand before or after it', () => {
  assert.deepEqual(parseBenchArguments(['proxy'], BENCHMARKS), RUN);
  assert.deepEqual(parseBenchArguments(['--quick', 'proxy', '--json', 'out.json'], BENCHMARKS), {
    ...RUN,
    quick: true,
    jsonPath: 'out.json',
  });
});

test('parts and candidates are chosen by lists or repeated options', () => {
  const args = ['proxy', '--profile', 'small,rate', '--candidate', 'nginx', '--candidate=headgate'];
  assert.deepEqual(parseBenchArguments(args, BENCHMARKS), {
    ...RUN,
    profiles: ['small', 'rate'],
    candidates: ['nginx', 'headgate'],
  });
});

test('publish takes the file of a report', () => {
  const request = parseBenchArguments(['publish', 'out.json'], BENCHMARKS);
  assert.deepEqual(request, { kind: 'publish', jsonPath: 'out.json' });
});

test('what is not understood is a fault that names it', () => {
  const cases: [string[], RegExp][] = [
    [['proxies'], /unknown benchmark: proxies/],
    [['toString'], /unknown benchmark: toString/],
    [['proxy', 'micro'], /micro/],
    [['proxy', '--fast'], /--fast/],
    [['proxy', '--json'], /--json/],
    [['proxy', '--json='], /--json/],
    [['--quick'], /name a benchmark/],
    [['proxy', '--profile', 'small,big'], /unknown --profile "big": one of small, rate$/],
    [['proxy', '--profile='], /unknown --profile "": one of small, rate$/],
    [['proxy', '--candidate', 'ngin'], /unknown --candidate "ngin": one of headgate, nginx$/],
    [['micro', '--candidate', 'nginx'], /unknown --candidate "nginx": there are none here$/],
    [['publish'], /publish needs the file/],
    [['publish', 'a.json', 'b.json'], /publish needs the file/],
    [['publish', 'a.json', '--quick'], /publish needs the file/],
  ];
  for (const [args, message] of cases) {
    const request = parseBenchArguments(args, BENCHMARKS);
    assert.equal(request.kind, 'fault', args.join(' '));
    if (request.kind === 'fault') assert.match(request.message, message);
  }
});
