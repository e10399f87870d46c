import type { DocumentHeaderInput } from '@headgate/bus';
import { PlanDocument, TenantDocument } from '@headgate/model';

/** A document as the config-service would publish it. */
export interface EdgeDocument {
  readonly header: DocumentHeaderInput;
  /** JSON. */
  readonly body: string;
}

const PLAN_ID = 'standard';
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
 * One plan without limits and `tenants` tenants on it, each with a host, an upstream of all `endpointPorts` behind the
 * picker `least_request` (P2C), and four routes of which two match a request for `/v1/items/…`.
 */
export function benchDocuments(
  tenants: number,
  endpointPorts: readonly number[],
): readonly EdgeDocument[] {
  const plan = PlanDocument.parse({ plan: { id: PLAN_ID } });
  const documents: EdgeDocument[] = [
    { header: header('plan', PLAN_ID), body: JSON.stringify(plan) },
  ];
  // Filled in as text: the schema takes 50 µs for a tenant, which is 5 s for 100,000.
  const template = tenantTemplate(endpointPorts);
  for (let index = 0; index < tenants; index += 1) {
    const id = `tenant-${index}`;
    const host = tenantHost(index);
    documents.push({
      header: {
        ...header('tenant', id),
        identity: { hosts: [host], pathPrefixes: [], headerValues: [] },
      },
      body: template.replace(TEMPLATE_HOST, host).replace(TEMPLATE_ID, id),
    });
  }
  return documents;
}

/** JSON of a tenant with names to be replaced, each of which occurs once. */
function tenantTemplate(endpointPorts: readonly number[]): string {
  const body = TenantDocument.parse({
    tenant: {
      id: TEMPLATE_ID,
      planId: PLAN_ID,
      identity: { hosts: [TEMPLATE_HOST], pathPrefixes: [], headerValues: [] },
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
      { id: 'health', match: { path: { exact: '/healthz' } }, upstreamId: 'main' },
      { id: 'items', match: { path: { prefix: '/v1/items' } }, upstreamId: 'main' },
      { id: 'orders', match: { path: { prefix: '/v1/orders' } }, upstreamId: 'main' },
      { id: 'all', match: { path: { prefix: '/' } }, upstreamId: 'main' },
    ],
    apiKeys: [],
  });
  return JSON.stringify(body);
}

function header(kind: 'plan' | 'tenant', id: string): DocumentHeaderInput {
  return { kind, id, revision: 1, deleted: false };
}
