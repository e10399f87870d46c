import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  PATH_ESCAPED,
  PATH_PARAMETERS,
  PATH_PLAIN,
  RequestParser,
  canonicalPath,
  pathReadings,
} from './index.ts';
import type { RequestHead } from './index.ts';

const UNRESERVED = '-._~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** The parsed head of a GET for `target`; null when it is refused. */
function headOf(target: string): RequestHead | null {
  const parser = new RequestParser();
  const bytes = Buffer.from(`GET ${target} HTTP/1.1\r\nHost: a.test\r\n\r\n`, 'latin1');
  return parser.parse(bytes, 0, bytes.length) > 0 ? parser.head : null;
}

const hex = (byte: number): string => `%${byte.toString(16).padStart(2, '0')}`;

test('the normal form of an escape, for all 256 bytes in both cases of the digits', () => {
  for (let byte = 0; byte < 256; byte++) {
    const character = String.fromCharCode(byte);
    const forbidden = byte < 32 || byte === 127 || character === '/' || character === '\\';
    const expected = UNRESERVED.includes(character)
      ? `/a${character}b`
      : `/a${hex(byte).toUpperCase()}b`;
    for (const escape of [hex(byte), hex(byte).toUpperCase()]) {
      const head = headOf(`/a${escape}b`);
      assert.equal(head?.path ?? null, forbidden ? null : expected, escape);
      if (head !== null) assert.equal(head.target, expected);
      assert.equal(canonicalPath(`/a${escape}b`), forbidden ? null : expected, escape);
    }
  }
});

test('the path is normalised wherever it stands in a target, the query never', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['/%61dmin', '/admin', ''],
    ['/%41%42?%61=%2f%00', '/AB', '?%61=%2f%00'],
    ['http://a.test/%7euser/%c3%a9?q', '/~user/%C3%A9', '?q'],
    ['/%252f', '/%252f', ''],
    ['/%25%32%66', '/%252f', ''],
    ['/a%2eb/%2e%2e%2e', '/a.b/...', ''],
    ['/x%3b', '/x%3B', ''],
  ];
  for (const [target, path, query] of cases) {
    const head = headOf(target);
    assert.deepEqual([head?.path, head?.query, head?.target], [path, query, path + query], target);
  }
});

test('the flags tell what a path was sent with', () => {
  assert.equal(headOf('/a?%61;')?.pathFlags, PATH_PLAIN);
  assert.equal(headOf('/%61')?.pathFlags, PATH_ESCAPED);
  assert.equal(headOf('/a;b')?.pathFlags, PATH_PARAMETERS);
  assert.equal(headOf('/%3b')?.pathFlags, PATH_ESCAPED | PATH_PARAMETERS);
  const parser = new RequestParser();
  for (const target of ['/%61;', '*']) {
    const bytes = Buffer.from(`OPTIONS ${target} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
    parser.reset();
    assert.ok(parser.parse(bytes, 0, bytes.length) > 0);
  }
  assert.equal(parser.head.pathFlags, PATH_PLAIN, 'nothing is left of the previous request');
});

test('a configured path has a normal form exactly when a request may have it', () => {
  const piece = fc.constantFrom(
    ...['/', 'a', '.', '..', ';', '%', '%2e', '%2f', '%61', '%C3', '%3b', '?', '#', '\\', ' ', 'é'],
    ...['ā', '%5c', '%00', '@', '//', '~'],
  );
  const text = fc.array(piece, { maxLength: 7 }).map((pieces) => `/${pieces.join('')}`);
  fc.assert(
    fc.property(text, (path) => {
      const normal = canonicalPath(path);
      if (normal !== null) assert.equal(canonicalPath(normal), normal, 'idempotent');
      const sendable = !/[?ā]/.test(path);
      assert.equal(normal, sendable ? (headOf(path)?.path ?? null) : null);
    }),
    { numRuns: 3000, seed: 20_261_121 },
  );
  for (const path of ['', 'a', '*', 'http://a.test/']) assert.equal(canonicalPath(path), null);
});

test('other readings of a path: reserved escapes decoded, parameters dropped', () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['/a', []],
    ['/caf%C3%A9', []],
    ['/a%40b', ['/a@b']],
    ['/a%20%7Bb', ['/a {b']],
    ['/admin;x=y', ['/admin']],
    ['/a;x/b;y/c', ['/a/b/c']],
    ['/;x/admin', ['/admin']],
    ['/admin/;x', ['/admin/']],
    ['/;', ['/']],
    ['/admin%3Bx', ['/admin;x', '/admin']],
    ['/a;%40/b%40', ['/a;@/b@', '/a/b@']],
    ['/%252F', ['/%2F']],
  ];
  for (const [path, readings] of cases) assert.deepEqual(pathReadings(path), readings, path);
});
