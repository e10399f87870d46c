import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { tenantPace, tenantRule } from '../test/limiter-harness.ts';
import { compileChain } from './index.ts';
import { isConsumerKey, limitKey, tenantTag } from './limit-key.ts';

/** Text that attacks the key's own syntax more often than chance would. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.string({
    unit: fc.constantFrom('{', '}', ':', '%', 't', 'w', '0', '3', 'a', '\ud800'),
    maxLength: 8,
  }),
);
const identity = fc.record({
  tenant: text,
  level: fc.constantFrom('tenant', 'key', 'route'),
  scope: text,
  consumer: fc.option(text),
  name: text,
  windowMs: fc.constantFrom(1, 10, 1000),
  unit: fc.constantFrom('requests', 'request-bytes', 'response-bytes'),
});

test('equal keys mean equal tenant, level, scope, consumer, name, unit and window, for any text; keys of consumers are told apart', () => {
  const seen = new Map<string, string>();
  fc.assert(
    fc.property(identity, identity, (left, right) => {
      for (const parts of [left, right]) {
        const { tenant, consumer, ...rule } = parts;
        const own = consumer === null ? {} : { consumer };
        const key = limitKey(tenantTag(tenant), tenantRule({ ...rule, ...own }));
        const text = JSON.stringify(parts);
        assert.equal(seen.get(key) ?? text, text);
        seen.set(key, text);
        assert.equal(isConsumerKey(key), consumer !== null);
        assert.match(key, /^hg:\{t:[\w.%-]*\}:w[io]?:[tkr](c:[\w.%-]*)?:[\w.%-]*:[\w.%-]*:\d+$/);
      }
    }),
    { numRuns: 20_000, seed: 1 },
  );
  assert.ok(seen.size > 10_000);
});

test('a compiled chain holds keys, script arguments and the largest cost that can fit', () => {
  const key = tenantRule({ name: 'min', level: 'key', scope: 'k1', limit: 300, windowMs: 60_000 });
  const chain = compileChain('acme', [tenantRule(), key]);
  assert.deepEqual(chain.storeKeys, ['hg:{t:acme}:w:t::sec:1000', 'hg:{t:acme}:w:k:k1:min:60000']);
  assert.deepEqual(chain.storeArguments, ['10', '1', '1000', '300', '1000', '60']);
  assert.equal(chain.costMax, 10);
  assert.equal(chain.tenantTag, 'hg:{t:acme}');
  assert.equal(chain.id, compileChain('acme', [tenantRule(), key]).id);
  assert.notEqual(chain.id, compileChain('acme', [tenantRule({ limit: 11 }), key]).id);
});

test('a rate has a key and arguments of its own kind, and its burst bounds the cost', () => {
  const chain = compileChain('acme', [tenantRule(), tenantPace({ name: 'sec' })]);
  assert.deepEqual(chain.storeKeys, ['hg:{t:acme}:w:t::sec:1000', 'hg:{t:acme}:r:t::sec:1000']);
  assert.deepEqual(chain.storeArguments, ['10', '1', '1000', 'r', '10', '1000', '4']);
  assert.equal(chain.costMax, 4);
  const larger = compileChain('acme', [tenantRule(), tenantPace({ name: 'sec', burst: 5 })]);
  assert.notEqual(chain.id, larger.id);
});

test('rules that validated configuration cannot hold are rejected by name', () => {
  for (const changes of [
    { name: '' },
    { name: 'naïve' },
    { limit: 0 },
    { limit: 1.5 },
    { limit: 2 ** 51 },
    { windowMs: 0 },
    { windowMs: 1e12 },
  ]) {
    assert.throws(() => compileChain('acme', [tenantRule(changes)]), RangeError);
  }
  for (const changes of [
    { burst: 0 },
    { burst: 1.5 },
    { burst: 9e9 + 1 },
    { limit: 5e6 },
    { limit: 0 },
  ]) {
    assert.throws(() => compileChain('acme', [tenantPace(changes)]), RangeError);
  }
  assert.throws(() => compileChain('acme', []), RangeError);
  assert.throws(() => compileChain('acme', [tenantRule(), tenantRule({ limit: 5 })]), RangeError);
});

test('a chain takes as many rules as plan, tenant, key and route can have together, and no more', () => {
  const rules = Array.from({ length: 40 }, (_, index) => tenantRule({ name: `r${index}` }));
  const chain = compileChain('acme', rules);
  assert.equal(chain.storeKeys.length, 40);
  assert.throws(() => compileChain('acme', [...rules, tenantRule({ name: 'more' })]), RangeError);
});
