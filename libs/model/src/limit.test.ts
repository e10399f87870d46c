import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeFaults, Limit, Plan, RouteSpec, TenantDocument, TenantSpec } from './index.ts';

const pace = { name: 'pace', kind: 'rate', limit: 100, windowMs: 1000 };

function faultsOf(limit: object): { path: string; rule: string }[] {
  const parsed = Plan.safeParse({ id: 'gold', limits: [limit] });
  assert.ok(!parsed.success);
  return describeFaults(parsed.error, { limits: [limit] }).map(({ path, rule }) => ({
    path,
    rule,
  }));
}

test('a limit without a kind is a window; a rate may name its burst', () => {
  assert.equal(Limit.parse({ name: 'sec', limit: 1, windowMs: 1000 }).kind, 'window');
  assert.equal(Limit.parse(pace).burst, undefined);
  assert.equal(Limit.parse({ ...pace, burst: 7 }).burst, 7);
  assert.equal(Limit.parse({ name: 'busy', kind: 'concurrency', limit: 5 }).limit, 5);
});

test('a limit in shadow counts requests, and nothing that is given back when they end', () => {
  const shadow = true;
  assert.equal(Limit.parse({ ...pace, shadow }).shadow, true);
  assert.equal(Limit.parse(pace).shadow, undefined);
  const path = 'limits[0].shadow';
  assert.deepEqual(faultsOf({ name: 'busy', kind: 'concurrency', limit: 5, shadow }), [
    { path, rule: 'a limit of kind "concurrency" cannot be in shadow: leave it out' },
  ]);
  const bytes = { name: 'bytes', unit: 'request-bytes', limit: 10_000, windowMs: 1000 };
  assert.deepEqual(faultsOf({ ...bytes, shadow }), [
    { path, rule: 'a limit of bytes cannot be in shadow: leave it out' },
  ]);
  assert.ok(Limit.safeParse({ ...bytes, shadow: false }).success);
});

test('a step of a limit of bytes is at least 4096, or the limit, and at most the limit', () => {
  const bytes = { name: 'bytes', unit: 'request-bytes', limit: 10_000, windowMs: 1000 };
  for (const changes of [
    { reserveBytes: 4096 },
    { reserveBytes: 10_000 },
    { limit: 7, reserveBytes: 7 },
  ]) {
    assert.ok(Limit.safeParse({ ...bytes, ...changes }).success);
  }
  const path = 'limits[0].reserveBytes';
  const of = (changes: object) => faultsOf({ ...bytes, ...changes });
  assert.deepEqual(of({ reserveBytes: 4095 }), [{ path, rule: 'must be at least 4096' }]);
  assert.deepEqual(of({ limit: 7, reserveBytes: 6 }), [{ path, rule: 'must be at least 7' }]);
  assert.deepEqual(of({ reserveBytes: 10_001 }), [
    { path, rule: 'must be at most the limit, 10000' },
  ]);
});

test('what a kind does not have, or the limiter cannot count exactly, is refused with path and reason', () => {
  const of = (changes: object): { path: string; rule: string }[] =>
    faultsOf({ ...pace, ...changes });
  const path = 'limits[0].burst';
  assert.deepEqual(of({ kind: 'window', burst: 5 }), [
    { path, rule: 'only a limit of kind "rate" has a burst' },
  ]);
  assert.deepEqual(of({ windowMs: 86_400_000, burst: 104_167 }), [
    {
      path,
      rule: 'must be at most 104166 with a windowMs of 86400000; use a shorter windowMs for a larger burst',
    },
  ]);
  assert.match(of({ limit: 1_000_000_000_000 })[0]?.rule ?? '', /^must be at most 9000000000 /);
  assert.deepEqual(of({ limit: 1, burst: 2_678_401 }), [
    { path, rule: 'must come back within 31 days: lower it, or raise limit' },
  ]);
  assert.deepEqual(of({ limit: 5_000_001, burst: 5 }), [
    { path, rule: 'must be at least 6: what comes back in a microsecond' },
  ]);
  const windowPath = 'limits[0].windowMs';
  assert.deepEqual(of({ windowMs: undefined }), [
    { path: windowPath, rule: 'a limit of kind "rate" needs a windowMs' },
  ]);
  assert.deepEqual(of({ kind: 'concurrency' }), [
    { path: windowPath, rule: 'a limit of kind "concurrency" has no windowMs: leave it out' },
  ]);
  assert.equal(of({ kind: 'concurrency', windowMs: undefined, burst: 2 })[0]?.path, path);
  assert.equal(of({ burst: 0 })[0]?.path, path);
  assert.equal(of({ kind: 'leaky' })[0]?.path, 'limits[0].kind');
});

test('a limit may count per consumer, in windows of up to a day; a route has limits too', () => {
  const perAddress = { name: 'ip', limit: 5, windowMs: 86_400_000, per: 'client-ip' };
  assert.equal(Limit.parse(perAddress).per, 'client-ip');
  assert.equal(Limit.parse({ ...pace, per: 'consumer' }).per, 'consumer');
  assert.equal(Limit.parse(pace).per, undefined);
  assert.deepEqual(faultsOf({ ...perAddress, windowMs: 86_400_001 }), [
    {
      path: 'limits[0].windowMs',
      rule: 'must be at most 86400000, a day, for a limit per client-ip',
    },
  ]);
  assert.equal(faultsOf({ ...perAddress, per: 'country' })[0]?.path, 'limits[0].per');
  assert.equal(RouteSpec.parse({ upstreamId: 'u', limits: [perAddress] }).limits.length, 1);
});

test('a quota has a period and no window; nobody else has a period', () => {
  const month = { name: 'month', kind: 'quota', limit: 5, period: 'month' };
  assert.equal(Limit.parse(month).period, 'month');
  const rules = (limit: object): string[] => faultsOf(limit).map(({ rule }) => rule);
  assert.deepEqual(rules({ ...month, period: undefined }), [
    'a limit of kind "quota" needs a period',
  ]);
  assert.deepEqual(rules({ ...month, windowMs: 1000 }), [
    'a limit of kind "quota" has no windowMs: leave it out',
  ]);
  assert.deepEqual(rules({ ...pace, period: 'day' }), [
    'only a limit of kind "quota" has a period',
  ]);
  assert.deepEqual(rules({ ...month, per: 'client-ip' }), [
    'must be "hour" or "day" for a limit per client-ip',
  ]);
  assert.equal(Limit.parse({ ...month, period: 'day', per: 'client-ip' }).per, 'client-ip');
});

test('a tenant has a time zone that exists', () => {
  const tenant = { planId: 'gold', timeZone: 'Europe/Berlin' };
  assert.equal(TenantSpec.parse(tenant).timeZone, 'Europe/Berlin');
  assert.equal(TenantSpec.parse({ planId: 'gold' }).timeZone, 'UTC');
  assert.ok(!TenantSpec.safeParse({ ...tenant, timeZone: 'Mars/Olympus' }).success);
});

test('a time zone is one that calendars of quotas know: PST and IST are names to Intl only', () => {
  const of = (timeZone: string) => TenantSpec.safeParse({ planId: 'gold', timeZone }).success;
  for (const name of ['EST', 'US/Pacific', 'Asia/Calcutta', 'europe/berlin', '+05:30', 'GMT0']) {
    assert.ok(of(name), name);
  }
  for (const name of ['PST', 'IST', 'JST', 'BST', 'ACT', 'US/Pacific-New', 'SystemV/AST4']) {
    assert.doesNotThrow(() => new Intl.DateTimeFormat('en', { timeZone: name }));
    assert.ok(!of(name), name);
  }
});

test('an edge takes a tenant that was stored with a time zone which is refused by now', () => {
  const tenant = { id: 'acme', planId: 'gold', timeZone: 'PST' };
  const document = { tenant, upstreams: [], routes: [], apiKeys: [] };
  assert.equal(TenantDocument.parse(document).tenant.timeZone, 'PST');
});

test('a time zone is looked up once', (context) => {
  const lookUp = context.mock.method(Intl, 'DateTimeFormat');
  for (let use = 1; use <= 3; use++) {
    assert.ok(TenantSpec.safeParse({ planId: 'gold', timeZone: 'Pacific/Chatham' }).success);
  }
  assert.equal(lookUp.mock.callCount(), 1);
});

test('a limit may have a headroom, bulk at least that of normal; a pool has none', () => {
  const sec = { name: 'sec', limit: 100, windowMs: 1000 };
  for (const headroom of [{}, { bulk: 99 }, { normal: 10, bulk: 10 }, { normal: 0, bulk: 20 }]) {
    assert.deepEqual(Limit.parse({ ...sec, headroom }).headroom, headroom);
  }
  assert.ok(!('headroom' in Limit.parse(sec)));
  const message = 'must be at least 20, as "bulk" is less important than "normal"';
  const path = 'limits[0].headroom.bulk';
  assert.deepEqual(faultsOf({ ...sec, headroom: { normal: 20, bulk: 19 } }), [
    { path, rule: message },
  ]);
  assert.deepEqual(faultsOf({ ...sec, headroom: { normal: 20 } }), [{ path, rule: message }]);
  for (const bulk of [100, -1, 0.5]) {
    assert.equal(faultsOf({ ...sec, headroom: { bulk } })[0]?.path, path);
  }
  const pool = { limits: [{ ...sec, headroom: { bulk: 10 } }] };
  const parsed = Plan.safeParse({ id: 'gold', pool });
  assert.ok(!parsed.success);
  assert.deepEqual(
    describeFaults(parsed.error, { pool }).map((fault) => fault.path),
    ['pool.limits[0].headroom'],
  );
});

test('a route has a priority if it says so', () => {
  assert.equal(RouteSpec.parse({ upstreamId: 'u', priority: 'bulk' }).priority, 'bulk');
  assert.ok(!('priority' in RouteSpec.parse({ upstreamId: 'u' })));
  assert.ok(!RouteSpec.safeParse({ upstreamId: 'u', priority: 'high' }).success);
});
