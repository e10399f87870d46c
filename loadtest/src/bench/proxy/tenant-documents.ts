import type { DocumentHeaderInput } from '@headgate/bus';
import { PlanDocument, TenantDocument } from '@headgate/model';

/** A document as the config-service would publish it. */
export interface EdgeDocument {
  readonly header: DocumentHeaderInput;
  /** JSON. */
  readonly body: string;
}

const PLAN_ID = 'standard';

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
  for (let index = 0; index < tenants; index += 1) {
    documents.push(tenantDocument(index, endpointPorts));
  }
  return documents;
}

function tenantDocument(index: number, endpointPorts: readonly number[]): EdgeDocument {
  const id = `tenant-${index}`;
  const identity = { hosts: [tenantHost(index)], pathPrefixes: [], headerValues: [] };
  const body = TenantDocument.parse({
    tenant: { id, planId: PLAN_ID, identity },
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
  return { header: { ...header('tenant', id), identity }, body: JSON.stringify(body) };
}

function header(kind: 'plan' | 'tenant', id: string): DocumentHeaderInput {
  return { kind, id, revision: 1, deleted: false };
}
