import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { linesOf } from '../test/refusal-lines.ts';
import { formatPosition, parseSource, readBundleSource } from './bundle-source.ts';
import { checkBundle } from './faults.ts';

const YAML = `apiVersion: headgate/v1
plans:
  gold:
    limits:
      - { name: per-second, limit: 0, windowMs: 1000 }
tenants:
  acme:
    planId: Gold
    colour: red
    upstreams:
      web:
        endpoints: [{ host: 10.0.0.1, port: 80 }, { host: 10.0.0.2 }]
`;

async function createFolder(context: TestContext, files: Readonly<Record<string, string>>) {
  const folder = await mkdtemp(join(tmpdir(), 'headgate-cli-'));
  context.after(() => rm(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

test('every fault of a bundle is shown with file, line, column, path, value and rule', () => {
  const source = parseSource('demo.yaml', YAML);
  assert.deepEqual(
    linesOf(() => checkBundle(source)),
    [
      'demo.yaml is not a valid bundle: 4 faults',
      'demo.yaml:5:29  plans.gold.limits[0].limit = 0',
      '    Too small: expected number to be >=1',
      'demo.yaml:8:5  tenants.acme.planId = "Gold"',
      '    1 to 63 of a-z, 0-9 and -, not starting or ending with -',
      'demo.yaml:12:51  tenants.acme.upstreams.web.endpoints[1].port',
      '    missing; expected number',
      'demo.yaml:9:5  tenants.acme.colour',
      '    unknown key; remove it or check its spelling',
    ],
  );
});

test('what is nested too deeply to be read is refused in words', () => {
  assert.match(
    linesOf(() => parseSource('deep.yaml', `x: ${'['.repeat(20_000)}`)).join('\n'),
    /^deep\.yaml:1:\d+: not valid YAML: nested too deeply$/,
  );
});

test('a path that is not in the file is located at its nearest parent', () => {
  const source = parseSource('demo.yaml', YAML);
  const place = source.locate('tenants.acme.routes.web.match.path');
  assert.equal(place && formatPosition(place), 'demo.yaml:7:3');
  assert.equal(source.locate('')?.line, 1);
});

test('JSON is located the same way', () => {
  const source = parseSource('b.json', '{\n  "apiVersion": "headgate/v1",\n  "plan": {}\n}');
  const place = source.locate('plan');
  assert.equal(place && formatPosition(place), 'b.json:3:3');
});

for (const [name, text, expected] of [
  ['broken YAML', 'apiVersion: [1,\n  2', /^x\.yaml:2:4: not valid YAML: /],
  ['a second document', 'plans: {}\n---\nplans: {}', /^x\.yaml:2:1: .* a file holds one document/],
  [
    'a key that is there twice',
    'plans: {}\nplans: {}',
    /^x\.yaml:2:1: .* key plans is there twice/,
  ],
  ['a quoted key', '{"a b": 1,\n"a b": 2}', /^x\.yaml:2:1: .* key "a b" is there twice/],
] as const) {
  test(`${name} is refused with its place`, () => {
    assert.throws(() => parseSource('x.yaml', text), { message: expected });
  });
}

test('aliases that blow a small file up are refused', () => {
  let text = 'a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n';
  for (let level = 1; level < 8; level++) {
    const aliases = Array.from({ length: 10 }, () => `*a${level - 1}`).join(',');
    text += `a${level}: &a${level} [${aliases}]\n`;
  }
  assert.throws(() => parseSource('bomb.yaml', text), {
    message: 'bomb.yaml:2:10: aliases stand for more than 1000 values',
    lines: ['Write out what they stand for; anchors within anchors multiply.'],
  });
});

test('an alias that stands for nothing is refused with its place', () => {
  assert.throws(() => parseSource('x.yaml', 'a: &a 1\nb: [*a, *c]\nc: &c 2\n'), {
    message: 'x.yaml:2:9: the alias *c stands for nothing',
    lines: ['Put the anchor &c ahead of it, or write the value out.'],
  });
});

test('an alias within what it stands for is refused with its place', () => {
  const text = 'tenant: &a\n  labels: { x: &b { y: *a } }\n';
  assert.throws(() => parseSource('loop.yaml', text), {
    message: 'loop.yaml:2:24: the alias leads back to itself',
  });
  const fine = 'a: &a { x: 1 }\nb: [*a, *a]\n';
  assert.deepEqual(parseSource('fine.yaml', fine).value, { a: { x: 1 }, b: [{ x: 1 }, { x: 1 }] });
});

test('a folder is one bundle; a fault is located in the file that holds it', async (t) => {
  const folder = await createFolder(t, {
    'a.yaml': 'apiVersion: headgate/v1\nplans:\n  gold: {}\n',
    'b.json': '{"apiVersion":"headgate/v1","tenants":{"acme":{"planId":"gold"}}}',
    'c.yml': 'apiVersion: headgate/v1\ntenants:\n  globex:\n    planId: 7\n',
    'README.md': 'not a bundle',
  });
  const source = await readBundleSource(folder, Readable.from([]));
  assert.deepEqual(source.value, {
    apiVersion: 'headgate/v1',
    plans: { gold: {} },
    tenants: { acme: { planId: 'gold' }, globex: { planId: 7 } },
  });
  assert.equal(source.name, `${folder} (3 files)`);
  assert.deepEqual(source.locate('tenants.globex.planId'), {
    file: join(folder, 'c.yml'),
    line: 4,
    column: 5,
  });
});

test('a tenant that two files of a folder define is refused with both places', async (t) => {
  const folder = await createFolder(t, {
    'a.yaml': 'tenants:\n  acme: {}\n',
    'b.yaml': 'tenants:\n  acme: {}\n',
  });
  await assert.rejects(readBundleSource(folder, Readable.from([])), {
    message: `${join(folder, 'b.yaml')}:2:3: tenants.acme is defined in ${join(folder, 'a.yaml')}:2:3 too`,
  });
});

for (const [name, section, line] of [
  ['another version', 'apiVersion: headgate/v2\n', 1],
  ['a list', 'tenants: [{ id: globex }]\n', 1],
  ['nothing', 'plans: {}\ntenants:\n', 2],
] as const) {
  test(`what one file of a folder says is never lost to another file: ${name}`, async (t) => {
    const bundle = 'apiVersion: headgate/v1\ntenants:\n  acme: {}\n';
    for (const [odd, usual] of [
      ['a.yaml', 'b.yaml'],
      ['b.yaml', 'a.yaml'],
    ] as const) {
      const folder = await createFolder(t, { [odd]: section, [usual]: bundle });
      await assert.rejects(readBundleSource(folder, Readable.from([])), ({ message }: Error) => {
        assert.ok(message.includes(`${join(folder, odd)}:${line}:1`), message);
        assert.ok(message.includes(join(folder, usual)), message);
        return true;
      });
    }
  });
}

test('a subfolder is left out whatever it is called; a link to a file is that file', async (t) => {
  const folder = await createFolder(t, { '..data': 'plans: {}\n' });
  await mkdir(join(folder, 'old.yaml'));
  await assert.rejects(readBundleSource(folder, Readable.from([])), /holds no \.yaml/);
  await symlink('..data', join(folder, 'plans.yaml'));
  const source = await readBundleSource(folder, Readable.from([]));
  assert.deepEqual(source.value, { plans: {} });
});

for (const [encoding, line, bytes] of [
  ['Latin-1', 2, Buffer.from('plans: {}\nname: caf\u00e9\n', 'latin1')],
  ['UTF-16', 1, Buffer.from('\ufeffplans: {}\n', 'utf16le')],
] as const) {
  test(`${encoding} is refused with its line, not read as other characters`, async () => {
    await assert.rejects(readBundleSource('-', Readable.from([bytes])), {
      message: `standard input:${line}: not UTF-8`,
    });
  });
}

for (const [place, text] of [
  ['1:1', '__proto__:\n  acme: {}\n'],
  ['2:3', 'tenants:\n  __proto__:\n    planId: gold\n'],
  ['2:3', 'tenants:\n  "__proto__": { planId: gold }\n'],
  ['1:14', '{"tenants": {"__proto__": {"planId": "gold"}}}'],
  ['4:14', 'tenants:\n  acme:\n    planId: gold\n    labels: {__proto__: x}\n'],
] as const) {
  test(`__proto__ is refused with its place, not dropped: ${JSON.stringify(text)}`, async (t) => {
    const folder = await createFolder(t, { 'a.yaml': text, 'b.yaml': 'plans: {}\n' });
    await assert.rejects(readBundleSource(folder, Readable.from([])), {
      message: `${join(folder, 'a.yaml')}:${place}: "__proto__" cannot be a name here`,
    });
  });
}

test('"-" reads standard input', async () => {
  const source = await readBundleSource('-', Readable.from([Buffer.from('plans: {}')]));
  assert.deepEqual(source.value, { plans: {} });
});

test('a file, or an input, that is larger than any bundle is refused while it is read', async (t) => {
  const folder = await createFolder(t, { 'large.yaml': '' });
  const file = join(folder, 'large.yaml');
  await truncate(file, 64 * 1024 * 1024 + 1);
  await assert.rejects(readBundleSource(file, Readable.from([])), {
    message: `${file} is larger than 67108864 bytes`,
  });
});

test('a file that is not there, and a folder without bundles, are named', async (t) => {
  await assert.rejects(readBundleSource('/no/such/file.yaml', Readable.from([])), /ENOENT.*file/);
  const folder = await createFolder(t, {});
  await assert.rejects(readBundleSource(folder, Readable.from([])), /holds no \.yaml/);
});
