import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHost } from './host.ts';

const canonical: readonly (readonly [string, string, string])[] = [
  ['t1.test', 't1.test', ''],
  ['T1.Test:8080', 't1.test', ':8080'],
  ['t1.test.', 't1.test', ''],
  ['t1.test.:80', 't1.test', ':80'],
  ['xn--bcher-kva.test', 'xn--bcher-kva.test', ''],
  ['service_name', 'service_name', ''],
  ['127.0.0.1:65535', '127.0.0.1', ':65535'],
  ['[::1]:8080', '[::1]', ':8080'],
  ['[0:0:0:0:0:0:0:1]', '[::1]', ''],
  ['[2001:DB8::0:1]', '[2001:db8::1]', ''],
  [`${'a'.repeat(63)}.b`, `${'a'.repeat(63)}.b`, ''],
];

for (const [text, host, port] of canonical) {
  test(`${text} is ${host} with port "${port}"`, () => {
    assert.deepEqual(parseHost(text), { host, port });
  });
}

test('one trailing dot is dropped, a second one is an empty label', () => {
  assert.equal(parseHost('a..'), null);
  assert.equal(parseHost('.'), null);
});

test('a host name has at most 253 bytes', () => {
  const host = `${'a.'.repeat(126)}b`;
  assert.equal(parseHost(host)?.host.length, 253);
  assert.equal(parseHost(`a${host}`), null);
});
