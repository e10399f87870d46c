import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { DocumentHeader } from './document.ts';
import { usualHeader } from './usual-header.ts';

const usual = {
  v: 1,
  kind: 'tenant',
  id: 'acme',
  revision: 12,
  deleted: false,
  identity: {
    hosts: ['api.example.com', '*.acme.test', '[::1]'],
    pathPrefixes: [],
    headerValues: [],
  },
  sha256: '0'.repeat(64),
};
/** Values of fields, good and bad. */
const anything = fc.oneof(
  fc.constantFrom<unknown>(
    1,
    0,
    -1,
    1.5,
    2 ** 53,
    true,
    false,
    null,
    '',
    'tenant',
    'plan',
    'a',
    'A',
  ),
  fc.constantFrom<unknown>('a'.repeat(64), [], ['a.test'], ['A.test'], ['*.*'], ['[::01]'], {}),
  fc.array(fc.constantFrom('a.test', 'b_.test', '*.c.test', 'd..test', 7), { maxLength: 3 }),
  fc.jsonValue(),
);
const identities = fc.record(
  {
    hosts: fc.oneof(fc.constant(['a.test']), anything),
    pathPrefixes: fc.oneof(fc.constant([]), fc.constant(['/a']), anything),
    headerValues: fc.oneof(fc.constant([]), anything),
    more: anything,
  },
  { requiredKeys: [] },
);
const changes = fc.oneof(
  ...[...Object.keys(usual), 'rings', 'more'].map((name) =>
    anything.map((value): object => ({ [name]: value })),
  ),
  identities.map((identity) => ({ identity })),
  fc.constantFrom<object>({ revision: 7 }, { id: 'b' }, { deleted: true }),
);
const headers = fc
  .array(changes, { maxLength: 2 })
  .map((all): object => Object.assign({}, usual, ...all) as object);

suite('the usual header', () => {
  test('is taken as it is', () => {
    const deletion = { ...usual, deleted: true };
    for (const header of [usual, deletion]) {
      assert.equal(usualHeader(header), header);
      assert.deepEqual(DocumentHeader.parse(header), header);
    }
  });

  test('is one only if the schema makes exactly the same of it', () => {
    let taken = 0;
    fc.assert(
      fc.property(fc.oneof(headers, fc.jsonValue()), (value) => {
        const json: unknown = JSON.parse(JSON.stringify(value));
        const header = usualHeader(json);
        if (header === null) return;
        taken += 1;
        assert.deepEqual(DocumentHeader.parse(json), header);
      }),
      { numRuns: 5000 },
    );
    assert.ok(taken > 50, `${taken} were usual`);
  });

  const { identity } = usual;
  const unusual: readonly (readonly [title: string, value: unknown])[] = [
    ['no object', [usual]],
    ['null', null],
    ['a field too many', { ...usual, more: 1 }],
    [
      'a __proto__ field',
      JSON.parse(JSON.stringify(usual).replace('"v":1', '"__proto__":{"v":1}')),
    ],
    ['a field too few', { ...usual, identity: undefined }],
    ['257 hosts', { ...usual, identity: { ...identity, hosts: Array(257).fill('a.test') } }],
    ['a path', { ...usual, identity: { ...identity, pathPrefixes: ['/a'] } }],
    ['an identity with more', { ...usual, identity: { ...identity, more: [] } }],
    ['-0', { ...usual, revision: -0 }],
  ];
  for (const [title, value] of unusual) {
    test(`not: ${title}`, () => assert.equal(usualHeader(value), null));
  }
});
