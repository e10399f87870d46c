// Micro-benchmark of the hot look-ups; run with `node libs/routing/bench/routing.bench.ts`.
// Prints nanoseconds per call: the best of several rounds, as the machine is rarely idle.
import process from 'node:process';
import { TenantIndex, compileRoutes } from '../src/index.ts';
import type { RouteMatcher, RoutePattern } from '../src/index.ts';

// Rounds of some milliseconds: on a busy machine a few of them run without an interruption.
const CALLS_PER_ROUND = 2000;
const ROUNDS = 400;
const TENANTS = 10_000;
/** Requests rotate over these, so that neither a string's hash nor a cache line is always warm. */
const PATHS_MASK = 255;

const paths = Array.from({ length: PATHS_MASK + 1 }, (_, i) => `/api/v1/orders/${4711 + i}/items`);
const hosts = Array.from({ length: TENANTS }, (_, i) => `shop-${i}.example.com`);

const prefix = (path: string, hostList: readonly string[] = []) =>
  pattern({ prefix: path }, hostList);
const exact = (path: string) => pattern({ exact: path }, []);

function pattern(path: RoutePattern['path'], hostList: readonly string[]): RoutePattern {
  return { hosts: hostList, path, methods: [] };
}

function compile(patterns: readonly RoutePattern[]): RouteMatcher<number> {
  return compileRoutes(patterns.map((one, i) => ({ pattern: one, route: i + 1 })));
}

const few = [prefix('/api'), prefix('/static'), prefix('/')];
const many = Array.from({ length: 200 }, (_, i) => prefix(`/api/v1/resource-${i}/sub`));
const withHosts = [prefix('/api', ['*.example.com']), prefix('/api', ['a.test']), prefix('/')];

matchOne('match, one route for /', compile([prefix('/')]));
matchOne('match, three prefixes', compile(few));
matchOne('match, exact paths and prefixes', compile([...few, exact('/health'), exact('/')]));
matchOne('match, 200 deep prefixes and /', compile([...many, prefix('/')]));
matchOne('match, routes with hosts', compile(withHosts));

const matchers = hosts.map(() => compile([prefix('/')]));
measure(`match, one route for /, ${TENANTS} tenants in turn`, (i) => {
  const matcher = matchers[(i * 7919) % TENANTS];
  return matcher?.match('a.test', paths[i & PATHS_MASK] ?? '', 'GET') ?? 0;
});
const fewMatchers = hosts.map(() => compile(few));
measure(`match, three prefixes, ${TENANTS} tenants in turn`, (i) => {
  const matcher = fewMatchers[(i * 7919) % TENANTS];
  return matcher?.match('a.test', paths[i & PATHS_MASK] ?? '', 'GET') ?? 0;
});

const index = new TenantIndex<number>();
for (const [i, host] of hosts.entries()) {
  index.add(i + 1, { hosts: [host], pathPrefixes: [`/tenant-${i}`], headerValues: [] });
}
index.add(TENANTS + 1, { hosts: ['*.wild.test'], pathPrefixes: [], headerValues: [] });
const tenantPaths = paths.map((path, i) => `/tenant-${i}${path}`);
measure(`findByHost, exact, ${TENANTS} tenants`, (i) => {
  return index.findByHost(hosts[(i * 7919) % TENANTS] ?? '') ?? 0;
});
measure('findByHost, wildcard', () => index.findByHost('a.b.wild.test') ?? 0);
measure(`findByPath, ${TENANTS} tenants`, (i) => {
  return index.findByPath(tenantPaths[i & PATHS_MASK] ?? '') ?? 0;
});

function matchOne(name: string, matcher: RouteMatcher<number>): void {
  measure(name, (i) => matcher.match('x.example.com', paths[i & PATHS_MASK] ?? '', 'GET') ?? 0);
}

/** The sum of the results is checked, so that no call can be optimised away. */
function measure(name: string, call: (i: number) => number): void {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    let sum = 0;
    const before = process.hrtime.bigint();
    for (let i = 0; i < CALLS_PER_ROUND; i++) sum += call(i);
    const ns = Number(process.hrtime.bigint() - before) / CALLS_PER_ROUND;
    if (sum <= 0) throw new Error(`${name} did not do its work`);
    if (ns < best) best = ns;
  }
  console.log(`${best.toFixed(0).padStart(7)} ns  ${name}`);
}
