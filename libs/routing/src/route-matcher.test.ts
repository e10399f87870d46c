import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileRoutes, type RoutePattern } from './index.ts';

const pattern = (part: Partial<RoutePattern>): RoutePattern => ({
  hosts: [],
  path: { prefix: '/' },
  methods: [],
  ...part,
});

function compile(patterns: Record<string, Partial<RoutePattern>>) {
  return compileRoutes(
    Object.entries(patterns).map(([route, part]) => ({ route, pattern: pattern(part) })),
  );
}

test('the most specific route wins: host, then path, then method', () => {
  const matcher = compile({
    any: {},
    prefix: { path: { prefix: '/v1' } },
    longer: { path: { prefix: '/v1/users' } },
    exact: { path: { exact: '/v1/users/me' } },
    post: { path: { prefix: '/v1' }, methods: ['POST'] },
    wildcard: { hosts: ['*.a.test'], path: { prefix: '/v1' } },
    host: { hosts: ['api.a.test'], path: { prefix: '/v1' } },
  });
  const cases: [string, string, string, string][] = [
    ['x.test', '/', 'GET', 'any'],
    ['x.test', '/v1', 'GET', 'prefix'],
    ['x.test', '/v11', 'GET', 'any'],
    ['x.test', '/v1/x', 'POST', 'post'],
    ['x.test', '/v1/users/7', 'POST', 'longer'],
    ['x.test', '/v1/users/me', 'GET', 'exact'],
    ['x.test', '/v1/users/me/', 'GET', 'longer'],
    ['api.a.test', '/v1/users/me', 'GET', 'host'],
    ['b.a.test', '/v1', 'GET', 'wildcard'],
    ['b.a.test', '/v2', 'GET', 'any'],
  ];
  for (const [host, path, method, route] of cases) {
    assert.equal(matcher.match(host, path, method), route, `${method} ${host}${path}`);
  }
});

test('a path whose routes lack the method falls back to a wider route, else tells the methods', () => {
  const matcher = compile({
    read: { path: { exact: '/a' }, methods: ['GET', 'HEAD'] },
    write: { path: { prefix: '/a' }, methods: ['PUT'] },
  });
  assert.equal(matcher.match('h', '/a', 'PUT'), 'write');
  assert.equal(matcher.match('h', '/a', 'DELETE'), null);
  assert.deepEqual(matcher.allowedMethods('h', '/a'), ['GET', 'HEAD', 'PUT']);
  assert.deepEqual(matcher.allowedMethods('h', '/b'), []);
});

test('prefix look-up agrees with a plain scan of all prefixes', () => {
  const segment = fc.constantFrom('a', 'b', 'ab', '');
  const path = fc.array(segment, { maxLength: 5 }).map((parts) => `/${parts.join('/')}`);
  fc.assert(
    fc.property(fc.uniqueArray(path, { maxLength: 8 }), path, (prefixes, request) => {
      const canonical = (text: string) => (text.length > 1 ? text.replace(/\/$/, '') : text);
      const routes = prefixes.map((prefix) => ({
        route: canonical(prefix),
        pattern: pattern({ path: { prefix } }),
      }));
      const expected = routes
        .map((entry) => entry.route)
        .filter(
          (prefix) => prefix === '/' || request === prefix || request.startsWith(`${prefix}/`),
        )
        .sort((a, b) => b.length - a.length)[0];
      assert.equal(compileRoutes(routes).match('h', request, 'GET'), expected ?? null);
    }),
    { seed: 42, numRuns: 2000 },
  );
});
