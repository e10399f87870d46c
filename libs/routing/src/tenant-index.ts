import { HostTable } from './host-table.ts';
import { PrefixTable, canonicalPrefix } from './prefix-table.ts';

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
  /** Rises with each change: until then every host, path and value leads where it led. */
  version = 0;
  readonly #hosts = new HostTable<Tenant>();
  readonly #prefixes = new PrefixTable<Tenant>();
  readonly #headerValues = new Map<string, Tenant>();

  /** Adds a tenant's patterns and returns those that another tenant holds; they are left with it. */
  add(tenant: Tenant, identity: IdentityPatterns): IdentityConflict<Tenant>[] {
    const conflicts: IdentityConflict<Tenant>[] = [];
    this.version += 1;
    this.#forEach(identity, (table, key, pattern) => {
      const holder = table.get(key) ?? null;
      if (holder === null) table.set(key, tenant);
      else if (holder !== tenant) conflicts.push({ pattern, holder });
    });
    return conflicts;
  }

  /** Removes those of the patterns that the tenant holds. */
  remove(tenant: Tenant, identity: IdentityPatterns): void {
    this.version += 1;
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
    return this.#hosts.exact(host) ?? this.#hosts.findWildcard<Tenant>(host, '', '', tenantItself);
  }

  /**
   * The tenant of a path in normal form: the longest prefix in whole segments.
   *
   * @hot
   */
  findByPath(path: string): Tenant | null {
    return this.#prefixes.find<Tenant>(path, '', tenantItself);
  }

  /** The tenant of a value of the tenant header. The caller has checked that the source is trusted. */
  findByHeaderValue(value: string): Tenant | null {
    return this.#headerValues.get(value) ?? null;
  }

  #forEach(
    identity: IdentityPatterns,
    visit: (table: PatternTable<Tenant>, key: string, pattern: string) => void,
  ): void {
    for (const pattern of identity.hosts) visit(this.#hosts, pattern, pattern);
    for (const prefix of identity.pathPrefixes) {
      visit(this.#prefixes, canonicalPrefix(prefix), prefix);
    }
    for (const value of identity.headerValues) visit(this.#headerValues, value, value);
  }
}

/** What the tables of all kinds of patterns have in common. */
interface PatternTable<Tenant> {
  get(key: string): Tenant | null | undefined;
  set(key: string, tenant: Tenant): void;
  delete(key: string): void;
}

/** @hot */
function tenantItself<Tenant>(tenant: Tenant): Tenant {
  return tenant;
}
