import { PrefixTable, canonicalPrefix } from './prefix-table.ts';

/** What the matcher needs to know of a route; the shape of `RouteMatch` in @headgate/model. */
export interface RoutePattern {
  readonly hosts: readonly string[];
  readonly path: { readonly exact: string } | { readonly prefix: string };
  readonly methods: readonly string[];
}

/** Routes of one path pattern, by method. */
class MethodTable<Route> {
  /** Of the routes that name no method the first one. */
  #any: Route | null = null;
  /** Null as long as no route names a method: most do not, and then no map is touched. */
  #byMethod: Map<string, Route> | null = null;

  add(methods: readonly string[], route: Route): void {
    if (methods.length === 0) {
      this.#any ??= route;
      return;
    }
    this.#byMethod ??= new Map();
    for (const method of methods) {
      if (!this.#byMethod.has(method)) this.#byMethod.set(method, route);
    }
  }

  /** A method list wins over none. The first route of equal ones wins. @hot */
  find(method: string): Route | null {
    if (this.#byMethod === null) return this.#any;
    return this.#byMethod.get(method) ?? this.#any;
  }

  methods(): Iterable<string> {
    return this.#byMethod === null ? [] : this.#byMethod.keys();
  }
}

/** Routes of one host pattern, by path. */
export class PathTable<Route> {
  #exact: Map<string, MethodTable<Route>> | null = null;
  readonly #prefixes = new PrefixTable<MethodTable<Route>>();

  add(pattern: RoutePattern, route: Route): void {
    if ('exact' in pattern.path) {
      this.#exact ??= new Map();
      const entry = this.#exact.get(pattern.path.exact) ?? new MethodTable<Route>();
      this.#exact.set(pattern.path.exact, entry);
      entry.add(pattern.methods, route);
    } else {
      const prefix = canonicalPrefix(pattern.path.prefix);
      const entry = this.#prefixes.get(prefix) ?? new MethodTable<Route>();
      this.#prefixes.set(prefix, entry);
      entry.add(pattern.methods, route);
    }
  }

  /** The exact path, else the longest prefix; one that has the path but not the method is passed over. @hot */
  find(path: string, method: string): Route | null {
    if (this.#exact !== null) {
      const route = this.#exact.get(path)?.find(method) ?? null;
      if (route !== null) return route;
    }
    return this.#prefixes.find<Route>(path, method, findMethod);
  }

  /** Methods that routes for this path name. */
  *methods(path: string): Generator<string> {
    const exact = this.#exact?.get(path);
    if (exact !== undefined) yield* exact.methods();
    for (const entry of this.#prefixes.matching(path)) yield* entry.methods();
  }
}

/** @hot */
function findMethod<Route>(entry: MethodTable<Route>, _path: string, method: string): Route | null {
  return entry.find(method);
}
