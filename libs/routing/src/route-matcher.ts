import { HostTable } from './host-table.ts';
import { PathTable, type RoutePattern } from './path-table.ts';

export type { RoutePattern } from './path-table.ts';

/** Compiled routes of one tenant. */
export interface RouteMatcher<Route> {
  /**
   * The most specific route: exact host before the longest wildcard before any host; then exact path before the
   * longest prefix; then a method list before none. A table that has the path but not the method is passed over.
   *
   * @param host canonical.
   * @param path in normal form.
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
  const anyHost = new PathTable<Route>();
  const byHost = new HostTable<PathTable<Route>>();
  for (const { pattern, route } of routes) {
    if (pattern.hosts.length === 0) anyHost.add(pattern, route);
    for (const host of pattern.hosts) {
      const table = byHost.get(host) ?? new PathTable<Route>();
      byHost.set(host, table);
      table.add(pattern, route);
    }
  }
  return new CompiledRoutes(anyHost, byHost.empty ? null : byHost);
}

class CompiledRoutes<Route> implements RouteMatcher<Route> {
  readonly #anyHost: PathTable<Route>;
  /** Null when no route names a host, as is usual: the tenant's hosts are its identity already. */
  readonly #byHost: HostTable<PathTable<Route>> | null;

  constructor(anyHost: PathTable<Route>, byHost: HostTable<PathTable<Route>> | null) {
    this.#anyHost = anyHost;
    this.#byHost = byHost;
  }

  match(host: string, path: string, method: string): Route | null {
    if (this.#byHost !== null) {
      const route = this.#byHost.find<Route>(host, path, method, findPath);
      if (route !== null) return route;
    }
    return this.#anyHost.find(path, method);
  }

  allowedMethods(host: string, path: string): string[] {
    const methods = new Set(this.#anyHost.methods(path));
    for (const table of this.#byHost?.matching(host) ?? []) {
      for (const method of table.methods(path)) methods.add(method);
    }
    return [...methods].sort();
  }
}

/** @hot */
function findPath<Route>(table: PathTable<Route>, path: string, method: string): Route | null {
  return table.find(path, method);
}
