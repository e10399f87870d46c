import { hash } from 'node:crypto';
import type { DocumentHeaderInput } from '@headgate/bus';
import { PlanDocument, TenantDocument } from '@headgate/model';
import { TLS_HOST } from './settings.ts';

/** A document as the config-service would publish it. */
export interface EdgeDocument {
  readonly header: DocumentHeaderInput;
  /** JSON. */
  readonly body: string;
}

/** A limit of requests in a sliding window. */
export interface LimitSetting {
  readonly name: string;
  readonly limit: number;
  readonly windowMs: number;
}

/** What requests must pass before they are forwarded. */
export interface Protection {
  /** Secret of each tenant's one API key, which all routes ask for. */
  readonly apiKey: string;
  /** Limits of each tenant, and of each key. */
  readonly limits: readonly LimitSetting[];
  readonly keyLimits: readonly LimitSetting[];
  /** One tenant with limits of its own, by its number; null for none. */
  readonly throttled: {
    readonly tenant: number;
    readonly limits: readonly LimitSetting[];
    readonly keyLimits: readonly LimitSetting[];
  } | null;
}

const PLAN_ID = 'standard';
const KEY_ID = 'main';
const TEMPLATE_ID = 'id-of-the-tenant';
const TEMPLATE_HOST = 'host-of-the-tenant.example';

/** Hosts of `active` tenants out of `tenants`, spread evenly over all. */
export function activeHosts(tenants: number, active: number): readonly string[] {
  const stride = tenants / active;
  return Array.from({ length: active }, (_, index) => tenantHost(Math.floor(index * stride)));
}

/** Host of the tenant with this number, from 0. */
export function tenantHost(index: number): string {
  return `tenant-${index}.bench.example`;
}

/**
 * One plan and `tenants` tenants on it, each with a host, the first with {@link TLS_HOST} too, an upstream of all `endpointPorts` behind the picker
 * `least_request` (P2C), and four routes of which two match a request for `/v1/items/…`.
 *
 * @param protection default: no API keys and no limits
 */
export function benchDocuments(
  tenants: number,
  endpointPorts: readonly number[],
  protection: Protection | null = null,
): readonly EdgeDocument[] {
  const limits = protection?.limits ?? [];
  const keyLimits = protection?.keyLimits ?? [];
  const plan = PlanDocument.parse({ plan: { id: PLAN_ID, limits, keyLimits } });
  const documents: EdgeDocument[] = [
    { header: header('plan', PLAN_ID), body: JSON.stringify(plan) },
  ];
  // Filled in as text: the schema takes 50 µs for a tenant, which is 5 s for 100,000.
  const template = tenantTemplate(endpointPorts, protection);
  const throttled = protection?.throttled ?? null;
  const throttledTemplate = tenantTemplate(endpointPorts, protection, throttled);
  for (let index = 0; index < tenants; index += 1) {
    const id = `tenant-${index}`;
    const hosts = index === 0 ? [tenantHost(index), TLS_HOST] : [tenantHost(index)];
    documents.push({
      header: {
        ...header('tenant', id),
        identity: { hosts, pathPrefixes: [], headerValues: [] },
      },
      body: (index === throttled?.tenant ? throttledTemplate : template)
        .replace(TEMPLATE_HOST, hosts.join('","'))
        .replace(TEMPLATE_ID, id),
    });
  }
  return documents;
}

/** JSON of a tenant with names to be replaced, each of which occurs once. */
function tenantTemplate(
  endpointPorts: readonly number[],
  protection: Protection | null,
  overrides: Pick<Protection, 'limits' | 'keyLimits'> | null = null,
): string {
  const auth = protection === null ? 'none' : 'api_key';
  const body = TenantDocument.parse({
    tenant: {
      id: TEMPLATE_ID,
      planId: PLAN_ID,
      identity: { hosts: [TEMPLATE_HOST], pathPrefixes: [], headerValues: [] },
      limits: overrides?.limits ?? [],
    },
    upstreams: [
      {
        id: 'main',
        picker: 'least_request',
        endpoints: endpointPorts.map((port) => ({ host: '127.0.0.1', port })),
        // Idle connections outlive the turns of the other candidates, as the peers' do.
        idleTimeoutMs: 3_600_000,
      },
    ],
    routes: [
      { id: 'health', match: { path: { exact: '/healthz' } }, upstreamId: 'main', auth },
      { id: 'items', match: { path: { prefix: '/v1/items' } }, upstreamId: 'main', auth },
      { id: 'orders', match: { path: { prefix: '/v1/orders' } }, upstreamId: 'main', auth },
      { id: 'all', match: { path: { prefix: '/' } }, upstreamId: 'main', auth },
    ],
    apiKeys: protection === null ? [] : [apiKey(protection.apiKey, overrides?.keyLimits ?? [])],
  });
  return JSON.stringify(body);
}

function apiKey(secret: string, limits: readonly LimitSetting[]) {
  const sha256 = hash('sha256', secret);
  return { id: KEY_ID, sha256, hint: secret.slice(0, 8), limits };
}

function header(kind: 'plan' | 'tenant', id: string): DocumentHeaderInput {
  return { kind, id, revision: 1, deleted: false };
}
