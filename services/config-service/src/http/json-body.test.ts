import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseStrictJson } from './json-body.ts';

for (const [text, message] of [
  ['{"auth":"api_key","auth":"none"}', /^the key "auth" is twice in one object \(character 19\)$/],
  ['{"a":[{"b":1 , "c":{}, "\\u0062" : 2}]}', /^the key "\\u0062" is twice .*character 24/],
  ['{"a":{"__proto__":{}}}', /^"__proto__" cannot be a name here \(character 7\)$/],
  ['{"\\u005f_proto__":1}', /^"__proto__" cannot be a name/],
  ['{"a":', /^the body is not valid JSON: /],
] as const) {
  test(`is refused: ${text}`, () => {
    assert.throws(() => parseStrictJson(Buffer.from(text)), { statusCode: 400, message });
  });
}

test('bytes that are not UTF-8 are refused, not replaced', () => {
  const bytes = Buffer.from('{"name":"caf\u00e9"}', 'latin1');
  assert.throws(() => parseStrictJson(bytes), {
    statusCode: 400,
    message: 'the body is not UTF-8',
  });
});

test('keys in strings, in other objects and after escapes are none that are there twice', () => {
  const value = { a: '{"a":1,"a":2}', b: { a: '\\', b: '"a":' }, '\\': ['"', { a: 1 }, { a: 2 }] };
  assert.deepEqual(parseStrictJson(Buffer.from(JSON.stringify(value, null, 1))), value);
  assert.equal(parseStrictJson(Buffer.from('\ufeff1')), 1);
});

test('whatever JSON.stringify writes is read as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      if (text.includes('__proto__')) return;
      // fc.json writes objects, so no key is there twice.
      assert.deepEqual(parseStrictJson(Buffer.from(text)), JSON.parse(text));
    }),
    { seed: 5, numRuns: 500 },
  );
});

test('a megabyte in one string, or in braces, is read in linear time', () => {
  const length = 1_000_000;
  assert.equal(String(parseStrictJson(Buffer.from(`"${'\\"'.repeat(length)}"`))).length, length);
  const nested = `[${'{},'.repeat(length)}{}]`;
  assert.equal((parseStrictJson(Buffer.from(nested)) as unknown[]).length, length + 1);
});
