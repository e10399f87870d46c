/** Ways to recognise the requests of a tenant; the shape of `TenantIdentity` in @headgate/model. */
export interface IdentityPatterns {
  /** Exact hosts and `*.suffix` patterns, canonical form. */
  readonly hosts: readonly string[];
  /** Path prefixes in whole segments, for hosts that belong to no tenant. */
  readonly pathPrefixes: readonly string[];
  /** Values of the tenant header. */
  readonly headerValues: readonly string[];
}

/** A pattern that another tenant holds already. */
export interface IdentityConflict<Tenant> {
  readonly pattern: string;
  readonly holder: Tenant;
}

/**
 * Finds the tenant of a request. Every look-up is a few map look-ups, however many tenants there are, and adding or
 * removing a tenant touches only that tenant's own patterns.
 *
 * A pattern belongs to one tenant: the first one keeps it (the config-service refuses the second; an edge that sees
 * both, out of order, must not let one tenant take over the traffic of another).
 */
export class TenantIndex<Tenant> {
  readonly #hosts = new Map<string, Tenant>();
  /** Keyed by the suffix with its leading dot: `.example.com`. */
  readonly #wildcards = new Map<string, Tenant>();
  readonly #prefixes = new Map<string, Tenant>();
  readonly #headerValues = new Map<string, Tenant>();

  /** Adds a tenant's patterns and returns those that another tenant holds; they are left with it. */
  add(tenant: Tenant, identity: IdentityPatterns): IdentityConflict<Tenant>[] {
    const conflicts: IdentityConflict<Tenant>[] = [];
    this.#forEach(identity, (table, key, pattern) => {
      const holder = table.get(key);
      if (holder === undefined) table.set(key, tenant);
      else if (holder !== tenant) conflicts.push({ pattern, holder });
    });
    return conflicts;
  }

  /** Removes those of the patterns that the tenant holds. */
  remove(tenant: Tenant, identity: IdentityPatterns): void {
    this.#forEach(identity, (table, key) => {
      if (table.get(key) === tenant) table.delete(key);
    });
  }

  /**
   * The tenant of a canonical host: the exact name, else the longest wildcard.
   *
   * @hot
   */
  findByHost(host: string): Tenant | null {
    const exact = this.#hosts.get(host);
    if (exact !== undefined) return exact;
    if (this.#wildcards.size === 0) return null;
    for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) {
      const tenant = this.#wildcards.get(host.slice(dot));
      if (tenant !== undefined) return tenant;
    }
    return null;
  }

  /**
   * The tenant of a path: the longest prefix in whole segments.
   *
   * @hot
   */
  findByPath(path: string): Tenant | null {
    if (this.#prefixes.size === 0) return null;
    return findByPrefix(this.#prefixes, path) ?? null;
  }

  /** The tenant of a value of the tenant header. The caller has checked that the source is trusted. */
  findByHeaderValue(value: string): Tenant | null {
    return this.#headerValues.get(value) ?? null;
  }

  #forEach(
    identity: IdentityPatterns,
    visit: (table: Map<string, Tenant>, key: string, pattern: string) => void,
  ): void {
    for (const pattern of identity.hosts) {
      if (pattern.startsWith('*.')) visit(this.#wildcards, pattern.slice(1), pattern);
      else visit(this.#hosts, pattern, pattern);
    }
    for (const prefix of identity.pathPrefixes) {
      visit(this.#prefixes, canonicalPrefix(prefix), prefix);
    }
    for (const value of identity.headerValues) visit(this.#headerValues, value, value);
  }
}

/** `/a/` and `/a` are the same prefix; the root is `/`. */
export function canonicalPrefix(prefix: string): string {
  return prefix.length > 1 && prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
}

/**
 * Looks up the longest prefix of `path` in whole segments: for `/a/b/c` tries `/a/b/c`, `/a/b`, `/a`, `/`.
 * One map look-up per segment; keys must be canonical prefixes.
 *
 * @hot
 */
export function findByPrefix<Value>(
  table: ReadonlyMap<string, Value>,
  path: string,
): Value | undefined {
  let end = path.length;
  while (end > 1) {
    const value = table.get(end === path.length ? path : path.slice(0, end));
    if (value !== undefined) return value;
    end = path.lastIndexOf('/', end - 1);
  }
  return table.get('/');
}
