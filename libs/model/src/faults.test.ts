import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bundle, describeFaults } from './index.ts';

function faultsOf(input: unknown) {
  const result = Bundle.safeParse(input);
  assert.equal(result.success, false);
  return describeFaults(result.error, input);
}

test('each fault names path, value and rule', () => {
  const faults = faultsOf({
    apiVersion: 'headgate/v1',
    plans: { gold: { limits: [{ name: 'sec', limit: 0, windowMs: 1000 }] } },
    tenants: { acme: { planId: 'gold', identity: { hosts: ['API.example.com'] } } },
  });
  assert.deepEqual(
    faults.map((fault) => [fault.path, fault.value]),
    [
      ['plans.gold.limits[0].limit', 0],
      ['tenants.acme.identity.hosts[0]', 'API.example.com'],
    ],
  );
  for (const fault of faults) assert.match(fault.rule, /\S/);
});

test('an unknown key is a fault at that key', () => {
  assert.deepEqual(faultsOf({ apiVersion: 'headgate/v1', plan: {} }), [
    { path: 'plan', rule: 'unknown key; remove it or check its spelling' },
  ]);
});

test('what is missing is said to be missing', () => {
  const tenants = { acme: { identity: { hosts: ['a.test'] } } };
  assert.deepEqual(faultsOf({ apiVersion: 'headgate/v1', tenants }), [
    { path: 'tenants.acme.planId', rule: 'missing; expected string' },
  ]);
});

test('a path that is no object, or both kinds at once, is told what it must be', () => {
  const pathFaults = (path: unknown) => {
    const routes = { web: { upstreamId: 'main', match: { path } } };
    const identity = { hosts: ['a.test'] };
    const upstreams = { main: { endpoints: [{ host: '192.0.2.1', port: 80 }] } };
    const acme = { planId: 'gold', identity, upstreams, routes };
    const faults = faultsOf({ apiVersion: 'headgate/v1', plans: { gold: {} }, tenants: { acme } });
    return faults.map((fault) => [fault.path, fault.rule]);
  };
  const at = 'tenants.acme.routes.web.match.path';
  const rule = 'must be {"prefix": "/..."} or {"exact": "/..."}, one of them';
  assert.deepEqual(pathFaults('/web'), [[at, rule]]);
  assert.deepEqual(pathFaults({}), [[at, rule]]);
  assert.deepEqual(pathFaults({ prefix: '/a', exact: '/b' }), [[at, rule]]);
  // What is wrong with the kind that was chosen is said of it.
  assert.deepEqual(
    pathFaults({ prefix: 'web' }).map(([path]) => path),
    [`${at}.prefix`],
  );
});

test('a bad id is a fault that states the rule for ids', () => {
  const [fault] = faultsOf({ apiVersion: 'headgate/v1', plans: { Gold_: {} } });
  assert.equal(fault?.path, 'plans.Gold_');
  assert.match(fault.rule, /1 to 63 of a-z/);
});

test('long values are shortened and prototype keys are never followed', () => {
  const [fault] = faultsOf({ apiVersion: 'x'.repeat(500) });
  assert.equal(String(fault?.value).length, 81);
  const input: unknown = JSON.parse('{"apiVersion":"headgate/v1","__proto__":{"a":1}}');
  assert.equal(faultsOf(input)[0]?.path, '__proto__');
});
