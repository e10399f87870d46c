import { canonicalPrefix } from './tenant-index.ts';

/** What the matcher needs to know of a route; the shape of `RouteMatch` in @headgate/model. */
export interface RoutePattern {
  readonly hosts: readonly string[];
  readonly path: { readonly exact: string } | { readonly prefix: string };
  readonly methods: readonly string[];
}

/** Routes of one path pattern, by method. */
class MethodTable<Route> {
  any: Route | null = null;
  readonly byMethod = new Map<string, Route>();

  /** A method list wins over none. The first route of equal ones wins. */
  find(method: string): Route | null {
    return this.byMethod.get(method) ?? this.any;
  }
}

/** Paths of one host pattern. */
interface PathTable<Route> {
  readonly exact: Map<string, MethodTable<Route>>;
  readonly prefixes: Map<string, MethodTable<Route>>;
}

/** Compiled routes of one tenant. */
export interface RouteMatcher<Route> {
  /**
   * The most specific route: exact host before the longest wildcard before any host; then exact path before the
   * longest prefix; then a method list before none. A table that has the path but not the method is passed over.
   *
   * @hot
   */
  match(host: string, path: string, method: string): Route | null;
  /** Methods that other routes take for this host and path, for the `Allow` field of a 405. */
  allowedMethods(host: string, path: string): string[];
}

/** Compiles routes to maps; a look-up costs a few map look-ups per path segment, however many routes there are. */
export function compileRoutes<Route>(
  routes: readonly { readonly pattern: RoutePattern; readonly route: Route }[],
): RouteMatcher<Route> {
  const anyHost: PathTable<Route> = { exact: new Map(), prefixes: new Map() };
  const exactHosts = new Map<string, PathTable<Route>>();
  const wildcardHosts = new Map<string, PathTable<Route>>();
  for (const { pattern, route } of routes) {
    if (pattern.hosts.length === 0) addRoute(anyHost, pattern, route);
    for (const host of pattern.hosts) {
      const wildcard = host.startsWith('*.');
      const tables = wildcard ? wildcardHosts : exactHosts;
      addRoute(tableOf(tables, wildcard ? host.slice(1) : host), pattern, route);
    }
  }
  const hostless = exactHosts.size === 0 && wildcardHosts.size === 0;
  const tablesOf = (host: string): PathTable<Route>[] =>
    hostTables(exactHosts, wildcardHosts, anyHost, host);
  return {
    match(host, path, method) {
      if (hostless) return findInTable(anyHost, path, method);
      const tables = tablesOf(host);
      for (let i = 0; i < tables.length; i++) {
        const table = tables[i];
        const route = table === undefined ? null : findInTable(table, path, method);
        if (route !== null) return route;
      }
      return null;
    },
    allowedMethods(host, path) {
      const methods = new Set<string>();
      for (const table of tablesOf(host)) {
        for (const entry of matchingTables(table, path)) {
          for (const method of entry.byMethod.keys()) methods.add(method);
        }
      }
      return [...methods].sort();
    },
  };
}

function hostTables<Route>(
  exactHosts: ReadonlyMap<string, PathTable<Route>>,
  wildcardHosts: ReadonlyMap<string, PathTable<Route>>,
  anyHost: PathTable<Route>,
  host: string,
): PathTable<Route>[] {
  const tables: PathTable<Route>[] = [];
  const exact = exactHosts.get(host);
  if (exact !== undefined) tables.push(exact);
  for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) {
    const wildcard = wildcardHosts.get(host.slice(dot));
    if (wildcard !== undefined) tables.push(wildcard);
  }
  tables.push(anyHost);
  return tables;
}

function findInTable<Route>(table: PathTable<Route>, path: string, method: string): Route | null {
  const exact = table.exact.get(path);
  if (exact !== undefined) {
    const route = exact.find(method);
    if (route !== null) return route;
  }
  if (table.prefixes.size === 0) return null;
  let end = path.length;
  while (end > 1) {
    const entry = table.prefixes.get(end === path.length ? path : path.slice(0, end));
    if (entry !== undefined) {
      const route = entry.find(method);
      if (route !== null) return route;
    }
    end = path.lastIndexOf('/', end - 1);
  }
  return table.prefixes.get('/')?.find(method) ?? null;
}

function* matchingTables<Route>(
  table: PathTable<Route>,
  path: string,
): Generator<MethodTable<Route>> {
  const exact = table.exact.get(path);
  if (exact !== undefined) yield exact;
  for (const [prefix, entry] of table.prefixes) {
    if (prefix === '/' || path === prefix || path.startsWith(`${prefix}/`)) yield entry;
  }
}

function addRoute<Route>(table: PathTable<Route>, pattern: RoutePattern, route: Route): void {
  const entry =
    'exact' in pattern.path
      ? entryOf(table.exact, pattern.path.exact)
      : entryOf(table.prefixes, canonicalPrefix(pattern.path.prefix));
  if (pattern.methods.length === 0) entry.any ??= route;
  for (const method of pattern.methods) {
    if (!entry.byMethod.has(method)) entry.byMethod.set(method, route);
  }
}

function entryOf<Route>(entries: Map<string, MethodTable<Route>>, key: string): MethodTable<Route> {
  let entry = entries.get(key);
  if (entry === undefined) {
    entry = new MethodTable<Route>();
    entries.set(key, entry);
  }
  return entry;
}

function tableOf<Route>(tables: Map<string, PathTable<Route>>, key: string): PathTable<Route> {
  let table = tables.get(key);
  if (table === undefined) {
    table = { exact: new Map(), prefixes: new Map() };
    tables.set(key, table);
  }
  return table;
}
