import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import {
  decodeDocument,
  documentText,
  DOCUMENT_BYTES_MAX,
  encodeDocument,
  type DocumentHeaderInput,
} from './document-envelope.ts';

const header: DocumentHeaderInput = {
  kind: 'tenant',
  id: 'acme',
  revision: 12,
  deleted: false,
  identity: { hosts: ['api.example.com'], pathPrefixes: [], headerValues: [] },
};
const BODY = '{"tenant":{"id":"acme"},"note":"größer"}';
const encoded = Buffer.from(encodeDocument(header, BODY));

function reasonOf(bytes: Uint8Array, key?: string): string {
  const decoded = decodeDocument(bytes, key);
  return decoded.ok ? 'ok' : decoded.reason;
}

/** The document with some fields of its header replaced. */
function withHeader(changes: object): Buffer {
  const lineEnd = encoded.indexOf('\n');
  const fields = JSON.parse(encoded.toString('utf8', 0, lineEnd)) as object;
  const line = JSON.stringify({ ...fields, ...changes });
  return Buffer.concat([Buffer.from(line), encoded.subarray(lineEnd)]);
}

test('a document survives the wire', () => {
  const decoded = decodeDocument(encoded, 'tenant.acme');
  assert.ok(decoded.ok);
  const { key, body, header: received } = decoded.document;
  assert.equal(key, 'tenant.acme');
  assert.equal(Buffer.from(body).toString(), BODY);
  assert.deepEqual(
    { ...received, v: undefined, sha256: undefined },
    { ...header, v: undefined, sha256: undefined },
  );
});

suite('the text of a document', () => {
  const textOf = (bytes: Uint8Array): string => {
    const decoded = decodeDocument(bytes);
    assert.ok(decoded.ok, JSON.stringify(decoded));
    return documentText(decoded.document);
  };

  test('is what was decoded, where its header says neither more nor less', () => {
    assert.equal(textOf(encoded), encoded.toString());
  });

  test('has defaults filled in, and nothing that this release does not know', () => {
    const later = { later: 1, identity: { hosts: ['api.example.com'] } };
    const [line, ...rest] = textOf(withHeader(later)).split('\n');
    assert.deepEqual(JSON.parse(line ?? ''), JSON.parse(encoded.toString().split('\n')[0] ?? ''));
    assert.deepEqual(rest, [BODY]);
  });

  test('begins with the header, also where a byte order mark came before it', () => {
    const marked = Buffer.concat([Buffer.from('\u{feff}'), encoded]);
    assert.deepEqual(textOf(marked).split('\n')[1], BODY);
    assert.match(textOf(marked), /^\{"/);
  });
});

test('a deletion has no body, whatever was given', () => {
  const decoded = decodeDocument(
    encodeDocument({ kind: 'plan', id: 'gold', revision: 1, deleted: true }, BODY),
  );
  assert.ok(decoded.ok);
  assert.equal(decoded.document.header.deleted, true);
  assert.equal(decoded.document.body.length, 0);
});

const NOT_UTF8 = Buffer.from('{"a":"\xff"}', 'latin1');
const emptyHash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const malformed: readonly (readonly [name: string, bytes: Uint8Array, reason: string])[] = [
  ['no bytes', Buffer.alloc(0), 'truncated'],
  ['half a header', encoded.subarray(0, 40), 'truncated'],
  ['a body cut short', encoded.subarray(0, encoded.length - 1), 'bad-hash'],
  ['an added byte', Buffer.concat([encoded, Buffer.from(' ')]), 'bad-hash'],
  ['text', Buffer.from('hello\nworld'), 'bad-json'],
  ['null', Buffer.from('null\n'), 'bad-fields'],
  ['invalid UTF-8', Buffer.from([0x22, 0xff, 0x22, 0x0a]), 'bad-json'],
  ['a future version', withHeader({ v: 2, other: true }), 'unknown-version'],
  ['a null field', withHeader({ id: null }), 'bad-fields'],
  ['a blank id', withHeader({ id: '' }), 'bad-fields'],
  ['an id with a wildcard', withHeader({ id: '>' }), 'bad-fields'],
  ['an unknown kind', withHeader({ kind: 'planet' }), 'bad-fields'],
  ['a fractional revision', withHeader({ revision: 1.5 }), 'bad-fields'],
  ['a deletion with a body', withHeader({ deleted: true }), 'bad-body'],
  ['a body that is not UTF-8', Buffer.from(encodeDocument(header, NOT_UTF8)), 'bad-body'],
  [
    'no body',
    Buffer.from(`${withHeader({ sha256: emptyHash }).toString().split('\n')[0]}\n`),
    'bad-body',
  ],
  ['a deep header', Buffer.from(`${'['.repeat(100_000)}\n`), 'bad-json'],
  ['a huge header', Buffer.from(`"${'x'.repeat(300_000)}"\n`), 'too-big'],
  ['a huge document', Buffer.alloc(DOCUMENT_BYTES_MAX + 1, 10), 'too-big'],
];

for (const [name, bytes, reason] of malformed) {
  test(`${name}: ${reason}`, () => assert.equal(reasonOf(bytes), reason));
}

test('a document under the key of another one is refused', () => {
  assert.equal(reasonOf(encoded, 'tenant.other'), 'key-mismatch');
  assert.equal(reasonOf(encoded, 'plan.acme'), 'key-mismatch');
});

test('a __proto__ key changes neither the header nor any other object', () => {
  const line = withHeader({}).toString().replace('{', '{"__proto__":{"polluted":true},');
  const decoded = decodeDocument(Buffer.from(line));
  assert.ok(decoded.ok);
  assert.equal('polluted' in decoded.document.header, false);
  assert.equal('polluted' in {}, false);
});

type Mutation = (bytes: Buffer) => Buffer;
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })).map(([at, flip]): Mutation => (bytes) => {
    if (bytes.length === 0) return bytes;
    const index = at % bytes.length;
    bytes.writeUInt8(bytes.readUInt8(index) ^ flip, index);
    return bytes;
  }),
  fc.nat().map(
    (length): Mutation =>
      (bytes) =>
        bytes.subarray(0, length % (bytes.length + 1)),
  ),
  fc
    .tuple(fc.nat(), fc.uint8Array({ maxLength: 40 }))
    .map(([at, inserted]): Mutation => (bytes) => {
      const index = at % (bytes.length + 1);
      return Buffer.concat([bytes.subarray(0, index), inserted, bytes.subarray(index)]);
    }),
  fc
    .constantFrom(
      ['"revision":12', '"revision":1e400'],
      ['"deleted":false', '"deleted":null'],
      ['"acme"', '{"__proto__":1}'],
      ['"hosts":[', '"hosts":[{},'],
      ['\n', '\r\n'],
    )
    .map(
      ([from, to]): Mutation =>
        (bytes) =>
          Buffer.from(bytes.toString('latin1').replace(from ?? '', to ?? ''), 'latin1'),
    ),
);

test('10,000 mutations: no exception, and what is accepted has the body that was published', () => {
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (mutations) => {
      const bytes = mutations.reduce<Buffer>(
        (changed, mutate) => mutate(changed),
        Buffer.from(encoded),
      );
      const decoded = decodeDocument(bytes);
      if (!decoded.ok) return;
      assert.equal(Buffer.from(decoded.document.body).toString(), BODY);
    }),
    { numRuns: 10_000, seed: 4 },
  );
});

test('10,000 strings of random bytes: no exception, none is accepted', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => !decodeDocument(bytes).ok),
    { numRuns: 10_000, seed: 5 },
  );
});
