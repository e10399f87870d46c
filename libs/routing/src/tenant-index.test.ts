import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TenantIndex, type IdentityPatterns } from './index.ts';

const identity = (part: Partial<IdentityPatterns>): IdentityPatterns => ({
  hosts: [],
  pathPrefixes: [],
  headerValues: [],
  ...part,
});

test('an exact host wins over a wildcard, and the longest wildcard over a shorter one', () => {
  const index = new TenantIndex<string>();
  index.add('exact', identity({ hosts: ['api.a.example.com'] }));
  index.add('long', identity({ hosts: ['*.a.example.com'] }));
  index.add('short', identity({ hosts: ['*.example.com'] }));
  const cases: [string, string | null][] = [
    ['api.a.example.com', 'exact'],
    ['x.a.example.com', 'long'],
    ['y.x.a.example.com', 'long'],
    ['b.example.com', 'short'],
    ['example.com', null],
    ['notexample.com', null],
    ['a.example.com', 'short'],
    ['', null],
  ];
  for (const [host, tenant] of cases) assert.equal(index.findByHost(host), tenant, host);
});

test('path prefixes match whole segments, the longest first', () => {
  const index = new TenantIndex<string>();
  index.add('a', identity({ pathPrefixes: ['/a'] }));
  index.add('ab', identity({ pathPrefixes: ['/a/b/'] }));
  const cases: [string, string | null][] = [
    ['/a', 'a'],
    ['/a/', 'a'],
    ['/a/x', 'a'],
    ['/a/b', 'ab'],
    ['/a/b/c/d', 'ab'],
    ['/ab', null],
    ['/', null],
    ['*', null],
  ];
  for (const [path, tenant] of cases) assert.equal(index.findByPath(path), tenant, path);
});

test('a pattern stays with the tenant that holds it, and is free again when that one goes', () => {
  const index = new TenantIndex<string>();
  const both = identity({ hosts: ['x.test'], pathPrefixes: ['/p'], headerValues: ['x'] });
  assert.deepEqual(index.add('first', both), []);
  assert.deepEqual(
    index.add('second', both).map((conflict) => [conflict.pattern, conflict.holder]),
    [
      ['x.test', 'first'],
      ['/p', 'first'],
      ['x', 'first'],
    ],
  );
  index.remove('second', both);
  assert.equal(index.findByHost('x.test'), 'first');
  index.remove('first', both);
  assert.equal(index.findByHost('x.test'), null);
  assert.equal(index.findByPath('/p/1'), null);
  assert.equal(index.findByHeaderValue('x'), null);
});

test('names of Object.prototype are ordinary keys', () => {
  const index = new TenantIndex<string>();
  for (const name of ['__proto__', 'constructor', 'toString']) {
    assert.equal(index.findByHost(name), null);
    assert.equal(index.findByHeaderValue(name), null);
  }
});

test('many tenants come and go: path and host look-ups agree with a plain map', () => {
  const index = new TenantIndex<number>();
  const patterns = (i: number) =>
    identity({ hosts: [`h${i}.test`, `*.w${i}.test`], pathPrefixes: [i === 0 ? '/' : `/p${i}`] });
  const present = new Set<number>();
  for (let step = 0; step < 200; step += 1) {
    const i = (step * 7) % 20;
    if (present.delete(i)) index.remove(i, patterns(i));
    else {
      present.add(i);
      assert.deepEqual(index.add(i, patterns(i)), []);
    }
    for (let other = 0; other < 20; other += 1) {
      const expected = present.has(other) ? other : null;
      assert.equal(index.findByHost(`h${other}.test`), expected);
      assert.equal(index.findByHost(`a.b.w${other}.test`), expected);
      const byPath = expected ?? (present.has(0) ? 0 : null);
      assert.equal(index.findByPath(`/p${other}/x`), byPath);
    }
  }
});
