import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFuzzArguments } from '../src/fuzz/arguments.ts';
import { describeFinding, type Finding } from '../src/fuzz/finding.ts';
import { readCorpus } from '../src/fuzz/generate/request-input.ts';
import { readWithCodec, type ReadWithCodec } from '../src/fuzz/read/codec-reader.ts';
import { createLlhttpReader } from '../src/fuzz/read/llhttp-reader.ts';
import { checkCodecInput } from '../src/fuzz/targets/codec-check.ts';
import { runCodecTarget } from '../src/fuzz/targets/codec.ts';

const SEED = 20_261_121;
const INPUTS = 12_000;

test('no fuzzed request stream crashes or hangs the codec, or means something else to another parser', async () => {
  const { inputs, counts, findings } = await runCodecTarget(
    {
      seed: SEED,
      from: 0,
      inputs: INPUTS,
      untilMs: Infinity,
      onFinding: () => undefined,
      onProgress: () => undefined,
    },
    { count: 2 },
  );
  assert.deepEqual(
    findings.map((finding) => describeFinding(finding, SEED)),
    [],
  );
  assert.equal(inputs, INPUTS);
  // Neither all valid nor all broken: both sides of every rule are met.
  assert.ok((counts['requests accepted'] ?? 0) > INPUTS / 2, JSON.stringify(counts));
  assert.ok((counts['inputs refused'] ?? 0) > INPUTS / 3, JSON.stringify(counts));
});

/** Ways in which real parsers have been wrong, made of the codec by changing what it gets to read. */
const BROKEN: Readonly<Record<string, (text: string) => string>> = {
  'takes xchunked for chunked': (text) =>
    text.replace(/(transfer-encoding:[ \t]*)xchunked/gi, '$1chunked'),
  'takes the last of two lengths': (text) =>
    text.replace(/content-length:[^\r\n]*\r\n(?=content-length:)/gi, ''),
  'lets Content-Length pass beside chunks': (text) =>
    text.replace(/content-length:[^\r\n]*\r\n(transfer-encoding: chunked\r\n\r\n)/gi, '$1'),
  'ends lines at a bare LF': (text) => text.replace(/(?<!\r)\n/g, '\r\n'),
  'drops NUL bytes': (text) => text.replaceAll('\0', ''),
};

for (const [name, repair] of Object.entries(BROKEN)) {
  test(`the checks catch a codec that ${name}`, async () => {
    const read: ReadWithCodec = (pieces) =>
      readWithCodec([Buffer.from(repair(Buffer.concat([...pieces]).toString('latin1')), 'latin1')]);
    const finding = await firstFinding(read);
    assert.equal(finding?.kind, 'difference');
  });
}

test('the checks catch a codec whose verdict depends on the split', async () => {
  const finding = await firstFinding((pieces) => {
    const all = [...pieces];
    return readWithCodec(all.length > 3 ? all.slice(0, -1) : all);
  });
  assert.match(finding?.detail ?? '', /^split /);
});

test('the checks catch a codec that throws', async () => {
  const finding = await firstFinding((pieces) => {
    const reading = readWithCodec(pieces);
    if (reading.fault?.code === 'HG_HTTP_CHUNK_SIZE') throw new RangeError('broken on purpose');
    return reading;
  });
  assert.equal(finding?.kind, 'crash');
});

test('an input that never ends is found, and the run goes on behind it', async () => {
  const { inputs, findings } = await runCodecTarget(
    {
      seed: SEED,
      from: 0,
      inputs: 6,
      untilMs: Infinity,
      onFinding: () => undefined,
      onProgress: () => undefined,
    },
    { count: 2, hangMs: 300, program: new URL('./support/hanging-worker.ts', import.meta.url) },
  );
  assert.deepEqual(
    findings.map(({ kind, index }) => ({ kind, index })),
    [{ kind: 'hang', index: 3 }],
  );
  assert.equal(inputs, 5, 'all but the one');
});

async function firstFinding(read: ReadWithCodec): Promise<Finding | null> {
  const deps = {
    read,
    llhttp: createLlhttpReader(),
    corpus: readCorpus('client'),
    onJustified: () => undefined,
  };
  for (let index = 0; index < 5000; index++) {
    const { finding } = await checkCodecInput(SEED, index, deps);
    if (finding !== null) return finding;
  }
  return null;
}

test('equal seeds make equal inputs, and a finding names the command for its own', async () => {
  const broken: ReadWithCodec = () => {
    throw new Error('broken on purpose');
  };
  const twice = await Promise.all([firstFinding(broken), firstFinding(broken)]);
  assert.equal(twice[0]?.input, twice[1]?.input);
  const text = describeFinding(
    { target: 'codec', kind: 'hang', index: 7, detail: '', input: '' },
    3,
  );
  assert.match(text, /npm run fuzz -- --seed 3 --target codec --only 7$/);
});

test('arguments of npm run fuzz', () => {
  const run = parseFuzzArguments(['--seed', '9', '--inputs', '100', '--target', 'edge']);
  assert.ok(run.kind === 'run' && run.seed === 9 && run.inputs.edge === 100);
  const all = parseFuzzArguments([]);
  assert.ok(all.kind === 'run');
  assert.equal(
    Object.values(all.inputs).reduce((sum, inputs) => sum + inputs, 0),
    1_000_000,
  );
  const refused = [
    ['--seed', '-1'],
    ['--inputs', '0'],
    ['--target', 'x'],
    ['--only', '1'],
    ['--what'],
    ['extra'],
  ];
  for (const args of refused) assert.equal(parseFuzzArguments(args).kind, 'fault', args.join(' '));
  assert.equal(parseFuzzArguments(['--help']).kind, 'help');
});
