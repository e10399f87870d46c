import { compileApiKeys, type ApiKeyTable } from '@headgate/auth';
import { compileChain, type LimitChain, type LimitRule } from '@headgate/limiting';
import type { ApiKey, Limit, PlanDocument, Route, TenantDocument } from '@headgate/model';
import { compileRoutes, type RouteMatcher } from '@headgate/routing';
import type { TenantSlot } from '@headgate/telemetry';
import type { TenantUpstream } from '../upstream/upstream-registry.ts';

/** Who authenticated. */
export interface Principal {
  readonly keyId: string;
  /** Limits of the tenant and of this key together; null for none. */
  readonly chain: LimitChain | null;
}

/** A route with everything resolved that its requests need. */
export interface CompiledRoute {
  readonly id: string;
  /** Path of the route as configured, for traces. */
  readonly pathPattern: string;
  readonly upstream: TenantUpstream;
  readonly requiresKey: boolean;
  /** Length of the prefix to cut off the path before forwarding; 0 for none. */
  readonly strippedChars: number;
  /** Units that a request takes of each limit. */
  readonly cost: number;
  readonly requestBodyBytesMax: number;
  readonly perTryTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** 0 for none. */
  readonly totalTimeoutMs: number;
  readonly retries: number;
}

/** Snapshot of one tenant: immutable, compiled once, shared by all requests until the next revision. */
export interface CompiledTenant {
  readonly id: string;
  readonly revision: number;
  readonly planRevision: number;
  readonly suspended: boolean;
  readonly routes: RouteMatcher<CompiledRoute>;
  readonly apiKeys: ApiKeyTable<Principal>;
  /** Limits of requests without an API key; null for none. */
  readonly chain: LimitChain | null;
  readonly metrics: TenantSlot;
  /** `X-Tenant-ID: acme` and CRLF. */
  readonly identityLine: string;
}

/** What goes into a snapshot. */
export interface TenantSources {
  readonly revision: number;
  readonly document: TenantDocument;
  readonly planRevision: number;
  readonly plan: PlanDocument;
  readonly upstreams: ReadonlyMap<string, TenantUpstream>;
  readonly metrics: TenantSlot;
  /** Lower-case name of the header that tells backends the tenant. */
  readonly tenantHeader: string;
}

/**
 * Compiles a tenant's document and its plan.
 *
 * @throws Error that names what does not fit; the caller keeps the last good snapshot.
 */
export function compileTenant(sources: TenantSources): CompiledTenant {
  const { tenant } = sources.document;
  const { plan } = sources.plan;
  const tenantLimits = overrideLimits(plan.limits, tenant.limits);
  const tenantRules = tenantLimits.map((limit) => ruleOf(limit, 'tenant', ''));
  const principalOf = (key: ApiKey): Principal => {
    const keyLimits = overrideLimits(plan.keyLimits, key.limits);
    const keyRules = keyLimits.map((limit) => ruleOf(limit, 'key', key.id));
    return { keyId: key.id, chain: chainOf(tenant.id, [...tenantRules, ...keyRules]) };
  };
  return {
    id: tenant.id,
    revision: sources.revision,
    planRevision: sources.planRevision,
    suspended: tenant.status === 'suspended',
    routes: compileRoutes(
      sources.document.routes.map((route) => ({
        pattern: route.match,
        route: compileRoute(route, sources.upstreams),
      })),
    ),
    apiKeys: compileApiKeys(sources.document.apiKeys, principalOf),
    chain: chainOf(tenant.id, tenantRules),
    metrics: sources.metrics,
    identityLine: `${sources.tenantHeader}: ${tenant.id}\r\n`,
  };
}

function compileRoute(route: Route, upstreams: ReadonlyMap<string, TenantUpstream>): CompiledRoute {
  const upstream = upstreams.get(route.upstreamId);
  if (upstream === undefined) {
    throw new Error(`route ${route.id}: upstream ${route.upstreamId} does not exist`);
  }
  const { path } = route.match;
  const prefix = 'prefix' in path ? path.prefix.replace(/\/$/, '') : '';
  return {
    id: route.id,
    pathPattern: 'prefix' in path ? `${prefix}/*` : path.exact,
    upstream,
    requiresKey: route.auth === 'api_key',
    strippedChars: route.stripPrefix ? prefix.length : 0,
    cost: route.cost,
    requestBodyBytesMax: route.requestBodyBytesMax,
    perTryTimeoutMs: route.perTryTimeoutMs,
    idleTimeoutMs: route.idleTimeoutMs,
    totalTimeoutMs: route.totalTimeoutMs,
    retries: route.retries,
  };
}

/** The limits of `base`, each replaced by the override of the same name, and the overrides with new names. */
function overrideLimits(base: readonly Limit[], overrides: readonly Limit[]): Limit[] {
  const byName = new Map(base.map((limit) => [limit.name, limit]));
  for (const limit of overrides) byName.set(limit.name, limit);
  return [...byName.values()];
}

function ruleOf(limit: Limit, level: LimitRule['level'], scope: string): LimitRule {
  const { name, kind, windowMs, onStoreLoss } = limit;
  const base = { name, level, limit: limit.limit, onStoreLoss, scope };
  if (kind === 'concurrency') return { kind, ...base };
  if (windowMs === undefined) throw new Error(`limit ${name}: kind ${kind} needs a windowMs`);
  const rule = { ...base, windowMs };
  return kind === 'rate' ? { kind, ...rule, burst: limit.burst ?? limit.limit } : { kind, ...rule };
}

function chainOf(tenantId: string, rules: readonly LimitRule[]): LimitChain | null {
  return rules.length === 0 ? null : compileChain(tenantId, rules);
}
