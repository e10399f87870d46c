import {
  compileApiKeys,
  compileJwtRules,
  TokenRealm,
  type ApiKeyTable,
  type JwtIdentity,
  type KeySource,
  type TokenIssuer,
} from '@headgate/auth';
import { compileChain, type LimitChain } from '@headgate/limiting';
import {
  overrideLimits,
  poolSpread,
  type ApiKey,
  type JwtIssuer,
  type PlanDocument,
  type Route,
  type TenantDocument,
} from '@headgate/model';
import { compileRoutes, type RouteMatcher } from '@headgate/routing';
import type { AccessTexts, TenantSlot } from '@headgate/telemetry';
import type { TenantUpstream, TenantUpstreams } from '../upstream/upstream-registry.ts';
import type { DemandCell } from '../usage/demand-tally.ts';
import {
  joinLevels,
  levelLimits,
  priorityClass,
  shadowLimits,
  type LevelLimits,
  type PriorityClass,
} from './level-limits.ts';
import type { RevisionFaults } from './revision-faults.ts';
import { compileCertificates, type TenantCertificates } from './tenant-certificates.ts';

/** Who authenticated. */
export interface Principal {
  /** Of the API key; of a token the issuer's, a slash and the consumer, which no API key has. */
  readonly keyId: string;
  /** Of the key, by which the tenant's later revisions know it; '' of a token. */
  readonly sha256: string;
  /** Null: an API key. */
  readonly token: { readonly issuerId: string; readonly expiresAtMs: number } | null;
  /** Of the tenant and of this key together. */
  readonly limits: LevelLimits;
  /** The same for critical requests, compiled; null for none, or if they depend on who asks. */
  readonly chain: LimitChain | null;
  /** Of the tenant and of this key together, in shadow. */
  readonly shadows: LevelLimits;
}

/** The tokens that a route takes. */
export interface RequiredJwt {
  readonly realm: TokenRealm<Principal>;
  /** All of them. */
  readonly scopes: readonly string[];
  /** `WWW-Authenticate` for a token without them. */
  readonly scopeChallenge: string;
}

/** A route with everything resolved that its requests need. */
export interface CompiledRoute {
  readonly id: string;
  /** Path of the route as configured, for traces. */
  readonly pathPattern: string;
  readonly upstream: TenantUpstream;
  readonly requiresKey: boolean;
  /** Null: no token is required. */
  readonly jwt: RequiredJwt | null;
  /** Length of the prefix to cut off the path before forwarding; 0 for none. */
  readonly strippedChars: number;
  /** Units that a request takes of each limit. */
  readonly cost: number;
  readonly priority: PriorityClass;
  /** Of this route; null for none. */
  readonly limits: LevelLimits | null;
  /** Of this route, in shadow. */
  readonly shadows: LevelLimits;
  readonly requestBodyBytesMax: number;
  readonly perTryTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** 0 for none. */
  readonly totalTimeoutMs: number;
  readonly retries: number;
  /** For the access records of its requests: made with the first of them, as most routes of most tenants wait for none. */
  accessTexts: AccessTexts | null;
}

/** Snapshot of one tenant: immutable, compiled once, shared by all requests until the next revision. */
export interface CompiledTenant {
  readonly id: string;
  readonly revision: number;
  readonly planId: string;
  readonly planRevision: number;
  /** Finds its entities in pools. */
  readonly poolSpread: number;
  readonly suspended: boolean;
  readonly routes: RouteMatcher<CompiledRoute>;
  readonly apiKeys: ApiKeyTable<Principal>;
  readonly jwtIssuerIds: ReadonlySet<string>;
  readonly certificates: TenantCertificates;
  /** Of requests without an API key. */
  readonly limits: LevelLimits;
  /** The same for critical requests, compiled; null for none, or if they depend on who asks. */
  readonly chain: LimitChain | null;
  /** Of requests without an API key, in shadow. */
  readonly shadows: LevelLimits;
  readonly metrics: TenantSlot;
  readonly faults: RevisionFaults;
  readonly demand: DemandCell;
  /** `X-Tenant-ID: acme` and CRLF. */
  readonly identityLine: string;
}

/** What goes into a snapshot. */
export interface TenantSources {
  readonly revision: number;
  readonly faults: RevisionFaults;
  readonly document: TenantDocument;
  readonly planRevision: number;
  readonly plan: PlanDocument;
  readonly upstreams: TenantUpstreams;
  /** Of the JWT issuers, by their ids. */
  readonly keySources: ReadonlyMap<string, KeySource>;
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
  const { timeZone } = tenant;
  const ownLimits = overrideLimits(plan.limits, tenant.limits);
  const owner = { level: 'tenant', scope: '' } as const;
  const limits = levelLimits(ownLimits, owner, timeZone);
  const shadows = shadowLimits(ownLimits, owner, timeZone);
  const principalOf = (key: ApiKey): Principal => {
    const keyLimits = overrideLimits(plan.keyLimits, key.limits);
    const keyOwner = { level: 'key', scope: key.id } as const;
    const joined = joinLevels(limits, levelLimits(keyLimits, keyOwner, timeZone));
    return {
      keyId: key.id,
      sha256: key.sha256,
      token: null,
      limits: joined,
      chain: chainOf(tenant.id, joined),
      shadows: joinLevels(shadows, shadowLimits(keyLimits, keyOwner, timeZone)),
    };
  };
  const chain = chainOf(tenant.id, limits);
  const realmOf = compileRealms(sources, { sha256: '', limits, chain, shadows });
  return {
    id: tenant.id,
    revision: sources.revision,
    planId: tenant.planId,
    faults: sources.faults,
    planRevision: sources.planRevision,
    poolSpread: poolSpread(tenant.id),
    suspended: tenant.status === 'suspended',
    routes: compileRoutes(
      sources.document.routes.map((route) => ({
        pattern: route.match,
        route: compileRoute(route, sources, realmOf),
      })),
    ),
    apiKeys: compileApiKeys(sources.document.apiKeys, principalOf),
    jwtIssuerIds: new Set(sources.document.jwtIssuers.map(({ id }) => id)),
    certificates: compileCertificates(tenant.id, sources.document.certificates),
    limits,
    chain,
    shadows,
    metrics: sources.metrics,
    demand: { tenantId: tenant.id, cost: 0 },
    identityLine: `${sources.tenantHeader}: ${tenant.id}\r\n`,
  };
}

/** Makes the realm of a list of issuers; routes with the same list share one. */
type RealmOf = (issuerIds: readonly string[]) => TokenRealm<Principal>;

/** @param holder what all consumers of the tenant have in common. */
function compileRealms(
  { document, keySources }: TenantSources,
  holder: Omit<Principal, 'keyId' | 'token'>,
): RealmOf {
  const issuers = new Map(
    document.jwtIssuers.map((issuer) => [
      String(issuer.id),
      compileIssuer(issuer, keySources, holder),
    ]),
  );
  const realms = new Map<string, TokenRealm<Principal>>();
  return (issuerIds) => {
    const list = issuerIds.join(' ');
    const realm =
      realms.get(list) ??
      new TokenRealm(
        document.tenant.id,
        list,
        issuerIds.map((id) => {
          const issuer = issuers.get(id);
          if (issuer === undefined) throw new Error(`JWT issuer ${id} does not exist`);
          return issuer;
        }),
      );
    realms.set(list, realm);
    return realm;
  };
}

function compileIssuer(
  issuer: JwtIssuer,
  keySources: TenantSources['keySources'],
  holder: Omit<Principal, 'keyId' | 'token'>,
): TokenIssuer<Principal> {
  const { id: issuerId } = issuer;
  const keys = keySources.get(issuerId);
  if (keys === undefined) throw new Error(`JWT issuer ${issuerId} has no source of keys`);
  const principalOf = ({ consumer, expiresAtMs }: JwtIdentity): Principal => ({
    keyId: consumerId(issuerId, consumer),
    token: { issuerId, expiresAtMs },
    ...holder,
  });
  return { ...compileJwtRules(issuer), keys, principalOf };
}

/** One text for each consumer, without blanks, quotes and what else would have to be escaped in counters and records. */
export function consumerId(issuerId: string, consumer: string): string {
  return `${issuerId}/${consumer.replace(/[^\w.~@:|+=,/-]/gu, encodeURIComponent)}`;
}

function compileJwt(route: Route, realmOf: RealmOf): RequiredJwt | null {
  const { jwt } = route;
  if (jwt === undefined) return null;
  const { scopes } = jwt;
  const scope = scopes.length === 0 ? '' : `, scope="${scopes.join(' ')}"`;
  return {
    realm: realmOf(jwt.issuerIds),
    scopes,
    scopeChallenge: `WWW-Authenticate: Bearer realm="headgate", error="insufficient_scope"${scope}\r\n`,
  };
}

function compileRoute(
  route: Route,
  { upstreams, document }: TenantSources,
  realmOf: RealmOf,
): CompiledRoute {
  const { timeZone } = document.tenant;
  const upstream = upstreamOf(route, upstreams);
  const { path } = route.match;
  const owner = { level: 'route', scope: route.id } as const;
  const limits = levelLimits(route.limits, owner, timeZone);
  const prefix = 'prefix' in path ? path.prefix.replace(/\/$/, '') : '';
  return {
    id: route.id,
    pathPattern: 'prefix' in path ? `${prefix}/*` : path.exact,
    upstream,
    requiresKey: route.auth === 'api_key',
    jwt: compileJwt(route, realmOf),
    strippedChars: route.stripPrefix ? prefix.length : 0,
    cost: route.cost,
    priority: priorityClass(route.priority),
    limits: limits.all.length === 0 ? null : limits,
    shadows: shadowLimits(route.limits, owner, timeZone),
    requestBodyBytesMax: route.requestBodyBytesMax,
    perTryTimeoutMs: route.perTryTimeoutMs,
    idleTimeoutMs: route.idleTimeoutMs,
    totalTimeoutMs: route.totalTimeoutMs,
    retries: route.retries,
    accessTexts: null,
  };
}

function upstreamOf(
  { id, upstreamId, sharedUpstreamId }: Route,
  { own, shared }: TenantUpstreams,
): TenantUpstream {
  const upstream =
    upstreamId === undefined ? shared.get(sharedUpstreamId ?? '') : own.get(upstreamId);
  if (upstream !== undefined) return upstream;
  throw new Error(`route ${id}: upstream ${upstreamId ?? ''} does not exist`);
}

/** Without a counter per consumer the chain is the same for all requests. */
function chainOf(tenantId: string, { all, perConsumer }: LevelLimits): LimitChain | null {
  if (all.length === 0 || perConsumer) return null;
  return compileChain(
    tenantId,
    all.map(({ rule }) => rule),
  );
}
