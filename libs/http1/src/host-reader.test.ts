import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostCache, HostReader } from './host-reader.ts';

test('host reader: all spellings of a host give its one canonical form', () => {
  const reader = new HostReader(new HostCache());
  for (const raw of ['a.example', 'A.Example', 'a.example.', 'A.EXAMPLE.']) {
    assert.equal(reader.read(`Host: ${raw}\r\n`, 6, 6 + raw.length), true);
    assert.deepEqual([reader.host, reader.port], ['a.example', '']);
  }
  assert.equal(reader.read('a.example:8080', 0, 14), true);
  assert.deepEqual([reader.host, reader.port], ['a.example', ':8080']);
});

test('host reader: what is malformed is not remembered and leaves the last good host', () => {
  const reader = new HostReader(new HostCache());
  assert.equal(reader.read('good.example', 0, 12), true);
  for (const raw of ['', 'a..b', 'a b', '-:x', 'a:0']) {
    assert.equal(reader.read(raw, 0, raw.length), false, raw);
    assert.equal(reader.read(raw, 0, raw.length), false, raw);
  }
  assert.equal(reader.host, 'good.example');
});

test('host cache: a flood of hosts does not grow it without end, and all are still read', () => {
  const cache = new HostCache();
  for (let count = 0; count < 50_000; count += 1) {
    assert.equal(cache.find(`h${count}.example`)?.host, `h${count}.example`);
  }
  assert.ok(cache.size <= 8192, `${cache.size} hosts are kept`);
});

test('host cache: readers of one worker get the same string object', () => {
  const cache = new HostCache();
  assert.equal(cache.find('One.example')?.host, cache.find('one.example')?.host);
  assert.equal(cache.find('one.example'), cache.find('one.example'));
});
