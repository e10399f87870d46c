import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderSet } from './header-set.ts';

test('names are found in any case, and only whole', () => {
  const set = new HeaderSet(['x-a', 'x-b', 'x-forwarded-for']);
  for (const name of ['x-a', 'X-B', 'X-Forwarded-For']) assert.equal(set.has(name), true, name);
  for (const name of ['', 'x', 'x-', 'x-c', 'y-a', 'x-a ', 'x\u000da']) {
    assert.equal(set.has(name), false, name);
  }
});

test('names that fall into one bucket stay apart', () => {
  const names = Array.from({ length: 200 }, (_, i) => `x-${String(i).padStart(3, '0')}`);
  const set = new HeaderSet(names);
  for (const name of names) assert.equal(set.has(name.toUpperCase()), true, name);
  assert.equal(set.has('x-200'), false);
  const long = 'x'.repeat(3 + 64);
  assert.equal(new HeaderSet(['xxx']).has(long), false, 'lengths equal modulo 64');
});

test('a prefix holds all names that start with it, in any case and with _', () => {
  const set = new HeaderSet(['via'], ['x-forwarded', 'x-a-', 'p']);
  for (const name of ['via', 'X-Forwarded', 'x_forwarded_user', 'X-FORWARDED-X', 'x-a-', 'Proxy']) {
    assert.equal(set.has(name), true, name);
  }
  for (const name of ['', 'x', 'x-forwarde', 'x-a', 'ax-a-', 'via-x', '0', '\u00f0']) {
    assert.equal(set.has(name), false, name);
  }
});

test('a set refuses names that are not lower case, and more than 255', () => {
  assert.throws(() => new HeaderSet(['X-A']), /bad header name "X-A"/);
  assert.throws(() => new HeaderSet(['']), /bad header name ""/);
  assert.throws(() => new HeaderSet(Array.from({ length: 256 }, (_, i) => `x${i}`)), RangeError);
});

test('__proto__ and constructor are names like any other', () => {
  const set = new HeaderSet(['accept']);
  assert.equal(set.has('__proto__'), false);
  assert.equal(set.has('constructor'), false);
});
