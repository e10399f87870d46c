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
    fc.property(fc.uniqueArray(path, { maxLength: 20 }), path, (prefixes, request) => {
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

test('hosts, paths and methods agree with a scan of all routes in their order of precedence', () => {
  const host = fc.constantFrom('a.test', 'b.a.test', 'c.b.a.test', 'test');
  const hostPattern = fc.constantFrom('a.test', 'b.a.test', '*.a.test', '*.test', '*.b.a.test');
  const path = fc.constantFrom('/', '/a', '/a/b', '/a/b/c', '/b', '/ab');
  const method = fc.constantFrom('GET', 'PUT', 'POST');
  const route = fc.record({
    hosts: fc.uniqueArray(hostPattern, { maxLength: 2 }),
    path: fc.oneof(
      path.map((exact) => ({ exact })),
      path.map((prefix) => ({ prefix })),
    ),
    methods: fc.uniqueArray(method, { maxLength: 2 }),
  });
  fc.assert(
    fc.property(
      fc.array(route, { maxLength: 12 }),
      host,
      path,
      method,
      (patterns, ...[hostName, requestPath, verb]) => {
        const routes = patterns.map((one, i) => ({ pattern: one, route: i }));
        const candidates = routes
          .flatMap(({ pattern: one, route: index }) =>
            (one.hosts.length === 0 ? [''] : one.hosts).map((name) => ({
              index,
              rank: rankOf(one, name, hostName, requestPath, verb),
            })),
          )
          .filter(({ rank }) => rank >= 0)
          .sort((a, b) => b.rank - a.rank || a.index - b.index);
        const found = compileRoutes(routes).match(hostName, requestPath, verb);
        assert.equal(found, candidates[0]?.index ?? null);
      },
    ),
    { seed: 42, numRuns: 3000 },
  );
});

/** How specific a route is for a request: host, then path, then method; -1 when it does not match. */
function rankOf(
  one: RoutePattern,
  name: string,
  host: string,
  path: string,
  method: string,
): number {
  const wildcard = name.startsWith('*');
  if (name !== '' && name !== host && !(wildcard && host.endsWith(name.slice(1)))) return -1;
  if (one.methods.length > 0 && !one.methods.includes(method)) return -1;
  const hostRank = name === host ? 99 : name.length;
  const methodRank = one.methods.length > 0 ? 1 : 0;
  if ('exact' in one.path) {
    return one.path.exact === path ? hostRank * 1000 + 500 + methodRank : -1;
  }
  const { prefix } = one.path;
  if (prefix !== '/' && path !== prefix && !path.startsWith(`${prefix}/`)) return -1;
  return hostRank * 1000 + prefix.length * 2 + methodRank;
}
