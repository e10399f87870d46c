import type { ConfigApi } from '../../cluster/config-api.ts';
import { tenantHost } from '../side-by-side/tenant-documents.ts';
import { TENANTS_PER_BUNDLE } from './settings.ts';

/** The route that changes; traffic goes to the other one. */
const CHANGING_ROUTE = 'changing';
const PLAN_ID = 'standard';

/** Where the changing route of a tenant lies after the change with this number; any other number is answered with 404. */
export function changedPath(change: number): string {
  return `/changes/${change}`;
}

/**
 * Creates tenants in batches: a host, an upstream with all `endpointPorts`, a route for the traffic and one that changes.
 *
 * @param onProgress hears how many there are so far
 * @throws Error with the answer if one is refused
 */
export async function loadTenants(
  api: Pick<ConfigApi, 'apply'>,
  count: number,
  endpointPorts: readonly number[],
  onProgress: (loaded: number) => void,
): Promise<void> {
  for (let from = 0; from < count; from += TENANTS_PER_BUNDLE) {
    const to = Math.min(from + TENANTS_PER_BUNDLE, count);
    await api.apply(bundleOf(from, to, endpointPorts));
    onProgress(to);
  }
}

/**
 * Makes a change that only this tenant's changing route shows. Resolves when the config-service has replied.
 *
 * @throws Error with the answer if it is refused
 */
export async function changeTenant(
  api: Pick<ConfigApi, 'put'>,
  tenant: number,
  change: number,
): Promise<void> {
  await api.put(`/v1/tenants/${tenantId(tenant)}/routes/${CHANGING_ROUTE}`, changingRoute(change));
}

function bundleOf(from: number, to: number, endpointPorts: readonly number[]): object {
  const endpoints = endpointPorts.map((port) => ({ host: '127.0.0.1', port }));
  const tenants: Record<string, object> = {};
  for (let index = from; index < to; index += 1) {
    tenants[tenantId(index)] = {
      planId: PLAN_ID,
      identity: { hosts: [tenantHost(index)] },
      upstreams: { main: { endpoints } },
      routes: {
        items: { upstreamId: 'main', match: { path: { prefix: '/v1/items' } } },
        [CHANGING_ROUTE]: changingRoute(0),
      },
    };
  }
  return { apiVersion: 'headgate/v1', plans: { [PLAN_ID]: {} }, tenants };
}

function changingRoute(change: number): object {
  return { upstreamId: 'main', match: { path: { exact: changedPath(change) } } };
}

function tenantId(index: number): string {
  return `tenant-${index}`;
}
