import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestParser } from '@headgate/http1';
import { compileRoutes, TenantIndex, type RoutePattern } from '@headgate/routing';
import { RequestContext } from '../request/request-context.ts';
import type { CompiledRoute, CompiledTenant } from '../snapshot/compile-tenant.ts';
import { identifyTenant, type TenantDirectory, type TenantHandle } from './identify-tenant.ts';
import { matchRoute } from './match-route.ts';

const route = (id: string, path: RoutePattern['path'], methods: string[] = []) => ({
  pattern: { hosts: [], path, methods },
  // The stage reads nothing else of a route.
  route: { id, requestBodyBytesMax: 10 } as CompiledRoute,
});

const ROUTES = compileRoutes([
  route('admin', { prefix: '/admin' }),
  route('me', { exact: '/users/@me' }),
  route('users', { prefix: '/users' }),
  route('read', { prefix: '/read' }, ['GET', 'HEAD']),
  route('rest', { prefix: '/' }),
]);

function contextOf(start: string, lines = ''): RequestContext {
  const parser = new RequestParser();
  const bytes = Buffer.from(`${start} HTTP/1.1\r\nHost: a.test\r\n${lines}\r\n`, 'latin1');
  assert.ok(parser.parse(bytes, 0, bytes.length) > 0, parser.fault?.code ?? '');
  const context = new RequestContext(parser.head);
  context.tenant = { routes: ROUTES } as CompiledTenant;
  return context;
}

/** Id of the route, or status of the refusal. */
function outcome(context: RequestContext): string | number {
  const refusal = matchRoute(context);
  return refusal === null ? (context.route?.id ?? 'none') : refusal.status;
}

test('a request that five edges have passed on goes no further; one of other proxies does', () => {
  const via = (...values: readonly string[]) =>
    outcome(contextOf('GET /', values.map((value) => `Via: ${value}\r\n`).join('')));
  const hops = (count: number) => Array<string>(count).fill('1.1 headgate').join(', ');
  assert.equal(via(hops(4)), 'rest');
  assert.equal(via(hops(5)), 508);
  assert.equal(via('1.0 headgate,1.1 headgate (a), 1.1 other', hops(3)), 508);
  assert.equal(via(...Array<string>(5).fill('HTTP/1.1\theadgate')), 508);
  assert.equal(via(`${hops(4)}, 1.1 headgate.example, 1.1 my-headgate, 1.1 headgate2`), 'rest');
});

test('the route is that of the path in normal form; a path with two meanings has none', () => {
  const cases: readonly (readonly [string, string | number])[] = [
    ['/admin', 'admin'],
    ['/%61dmin', 'admin'],
    ['/%61%64%6D%69%6e/x', 'admin'],
    ['/administrator', 'rest'],
    ['/admin%252fx', 'rest'],
    ['/ADMIN', 'rest'],
    ['/admin;x=y', 400],
    ['/;x/admin', 400],
    ['/admin%3Bx', 400],
    ['/admin/;x', 'admin'],
    ['/a;b/c%20d', 'rest'],
    ['/users/@me', 'me'],
    ['/users/%40me', 400],
    ['/users/a%40b.test', 'users'],
    ['/caf%c3%a9', 'rest'],
  ];
  for (const [path, expected] of cases) {
    assert.equal(outcome(contextOf(`GET ${path}`)), expected, path);
  }
});

test('a request that is refused for its path ends the connection', () => {
  const context = contextOf('GET /admin;x');
  assert.equal(outcome(context), 400);
  assert.equal(context.head.persistent, false);
});

test('an OPTIONS at Max-Forwards 0 goes no further', () => {
  assert.equal(outcome(contextOf('OPTIONS /a', 'Max-Forwards: 1\r\n')), 'rest');
  const refusal = matchRoute(contextOf('OPTIONS /a', 'Max-Forwards: 0\r\n'));
  assert.equal(refusal?.status, 405);
  assert.match(refusal.headers, /^Allow: .*OPTIONS.*\r\n$/);
  assert.equal(outcome(contextOf('GET /a', 'Max-Forwards: 0\r\n')), 'rest', 'OPTIONS only');
});

test('a tenant is found by path in normal form, unless the path may be that of another one', () => {
  const handles = new Map<string, TenantHandle>(
    ['/@a', '/b'].map((prefix) => [prefix, { snapshot: () => contextOf('GET /').tenant }]),
  );
  const tenants: TenantDirectory = {
    version: 1,
    findByHost: () => null,
    findByPath: (path) => handles.get(path) ?? null,
    findByHeaderValue: () => null,
  };
  const statuses = ['/b', '/%62', '/@a', '/%40a', '/b;x', '/c'].map((path) => {
    const context = contextOf(`GET ${path}`);
    return identifyTenant(context, { tenants, tenantHeader: 'x-tenant-id' })?.status ?? 'found';
  });
  assert.deepEqual(statuses, ['found', 'found', 'found', 400, 400, 404]);
});

test('a host that moves to another tenant, or is gone, is found there by the next request of the same connection', () => {
  const index = new TenantIndex<TenantHandle>();
  const lookedUp: string[] = [];
  const tenants: TenantDirectory = {
    get version() {
      return index.version;
    },
    findByHost(host) {
      lookedUp.push(host);
      return index.findByHost(host);
    },
    findByPath: () => null,
    findByHeaderValue: () => null,
  };
  const context = contextOf('GET /');
  const { tenant } = context;
  const identity = { hosts: ['a.test'], pathPrefixes: [], headerValues: [] };
  const [first, second] = [1, 2].map((): TenantHandle => ({ snapshot: () => tenant }));
  assert.ok(first !== undefined && second !== undefined && context.head.host === 'a.test');
  const found = () => {
    identifyTenant(context, { tenants, tenantHeader: 'x-tenant-id' });
    return context.knownTenant;
  };
  assert.equal(found(), null);
  index.add(first, identity);
  assert.equal(found(), first);
  assert.equal(found(), first);
  index.remove(first, identity);
  index.add(second, identity);
  assert.equal(found(), second);
  index.remove(second, identity);
  assert.equal(found(), null);
  assert.equal(lookedUp.length, 4, 'one look-up after each change');
});
