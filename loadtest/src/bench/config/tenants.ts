import type { ConfigApi } from '../../cluster/config-api.ts';
import { tenantHost } from '../side-by-side/tenant-documents.ts';
import { TENANTS_PER_BUNDLE } from './settings.ts';

/** The route that changes; traffic goes to the other one. */
const CHANGING_ROUTE = 'changing';
const PLAN_ID = 'standard';

/** Neighbouring changes are far apart: this prime divides no number of tenants. */
const TENANT_STRIDE = 7919;

/** Which of so many tenants the change with this number is of: all in turn. */
export function tenantOfChange(change: number, tenants: number): number {
  return (change * TENANT_STRIDE) % tenants;
}

/** Where the changing route of a tenant lies after the change with this number; any other number is answered with 404. */
export function changedPath(change: number): string {
  return `/changes/${change}`;
}

/** Tenants for {@link loadTenants}. */
export interface TenantsToLoad {
  readonly count: number;
  /** Endpoints of their upstreams. */
  readonly endpointPorts: readonly number[];
  /** The change that their changing routes are at. Default 0. */
  readonly change?: number;
  /** Further routes of each, of about 125 bytes, which nobody asks for. Default 0. */
  readonly furtherRoutes?: number;
  /** Tenants in one request. Default {@link TENANTS_PER_BUNDLE}. */
  readonly perBundle?: number;
  /** Hears how many there are so far. */
  readonly onProgress?: (loaded: number) => void;
}

/**
 * Creates tenants in batches, or changes all of them: a host, an upstream, a route for the traffic and one that changes.
 * Returns the revision of the last batch.
 *
 * @throws Error with the answer if one is refused
 */
export async function loadTenants(
  api: Pick<ConfigApi, 'apply'>,
  tenants: TenantsToLoad,
): Promise<number> {
  const { count, onProgress, perBundle = TENANTS_PER_BUNDLE } = tenants;
  let revision = 0;
  for (let from = 0; from < count; from += perBundle) {
    const to = Math.min(from + perBundle, count);
    revision = await api.apply(bundleOf(from, to, tenants));
    onProgress?.(to);
  }
  return revision;
}

/**
 * Makes a change that only this tenant's changing route shows. Resolves with its revision when the config-service has
 * replied.
 *
 * @throws Error with the answer if it is refused
 */
export async function changeTenant(
  api: Pick<ConfigApi, 'put'>,
  tenant: number,
  change: number,
): Promise<number> {
  return api.put(`/v1/tenants/${tenantId(tenant)}/routes/${CHANGING_ROUTE}`, changingRoute(change));
}

function bundleOf(
  from: number,
  to: number,
  { endpointPorts, change = 0, furtherRoutes = 0 }: TenantsToLoad,
): object {
  const endpoints = endpointPorts.map((port) => ({ host: '127.0.0.1', port }));
  const tenants: Record<string, object> = {};
  const further: Record<string, object> = {};
  for (let index = 0; index < furtherRoutes; index += 1) {
    further[`further-${index}`] = {
      upstreamId: 'main',
      match: { path: { exact: `/further/${index}` } },
    };
  }
  for (let index = from; index < to; index += 1) {
    tenants[tenantId(index)] = {
      planId: PLAN_ID,
      identity: { hosts: [tenantHost(index)] },
      upstreams: { main: { endpoints } },
      routes: {
        items: { upstreamId: 'main', match: { path: { prefix: '/v1/items' } } },
        [CHANGING_ROUTE]: changingRoute(change),
        ...further,
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
