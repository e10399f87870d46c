import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { escapeJson } from './escape-json.ts';

const anyUnits = fc.string({ unit: 'binary', maxLength: 60 });

test('any text becomes printable ASCII that JSON reads back unchanged', () => {
  fc.assert(
    fc.property(anyUnits, (text) => {
      const escaped = escapeJson(text, 1000);
      assert.match(escaped, /^[ -~]*$/);
      assert.equal(JSON.parse(`"${escaped}"`), text);
    }),
    { seed: 1, numRuns: 500 },
  );
});

test('text beyond the bound is cut and marked', () => {
  fc.assert(
    fc.property(anyUnits, fc.integer({ min: 0, max: 20 }), (text, lengthMax) => {
      const expected = text.length > lengthMax ? `${text.slice(0, lengthMax)}…` : text;
      assert.equal(JSON.parse(`"${escapeJson(text, lengthMax)}"`), expected);
    }),
    { seed: 2, numRuns: 500 },
  );
});

for (const [name, text, expected] of [
  ['a quote and a backslash', '"\\', '\\"\\\\'],
  ['CR LF', 'a\r\nb', 'a\\u000d\\u000ab'],
  ['an ANSI escape', '\u001b[31m', '\\u001b[31m'],
  ['DEL and a C1 control', '\u007f\u009b', '\\u007f\\u009b'],
  ['line and paragraph separators', '\u2028\u2029', '\\u2028\\u2029'],
  ['a bidirectional override', '\u202e', '\\u202e'],
  ['a lone surrogate', '\ud800', '\\ud800'],
  ['clean text', '/v1/orders', '/v1/orders'],
] as const) {
  test(`escapes ${name}`, () => assert.equal(escapeJson(text, 100), expected));
}
