import type { Bundle, BundleApiKey, TenantBundle } from '@headgate/model';
import { buildTenantDocument, type BuiltDocument } from '../publish/build-document.ts';
import type { Edits } from '../store/commit.ts';
import type { ApiKeyRecord } from '../store/kinds.ts';
import { accept } from '../store/outcome.ts';
import { specsOf, type TenantSpecs, type TenantState } from '../store/state.ts';

/** The changes that bring what a bundle names into the state that it wants. */
export function bundleEdits(bundle: Bundle): Edits {
  return {
    plan: new Map(Object.entries(bundle.plans).map(([id, plan]) => [id, () => accept(plan)])),
    sharedUpstream: new Map(
      Object.entries(bundle.upstreams).map(([id, upstream]) => [id, () => accept(upstream)]),
    ),
    tenants: new Map(
      Object.entries(bundle.tenants).map(([id, tenant]) => [
        id,
        (current: TenantState) => accept(mergeTenant(current, tenant)),
      ]),
    ),
  };
}

/** The documents of a bundle's tenants, without the API keys that stay: what is stored has at least their size. */
export function leastDocuments({ tenants }: Bundle): BuiltDocument[] {
  return Object.entries(tenants).map(([id, tenant]) => {
    const of = { upstream: new Map(), jwtIssuer: new Map(), route: new Map(), apiKey: new Map() };
    const nothing: TenantState = { id, tenant: null, rollout: null, ...of };
    return buildTenantDocument(id, mergeTenant(nothing, tenant), 0);
  });
}

/** A tenant as a bundle wants it: upstreams, JWT issuers and routes are those of the bundle; API keys that it does not name stay. */
export function mergeTenant(current: TenantState, bundle: TenantBundle): TenantSpecs {
  const { upstreams, jwtIssuers, routes, apiKeys, ...tenant } = bundle;
  const keys = new Map(specsOf(current).apiKey);
  for (const [id, key] of Object.entries(apiKeys)) {
    keys.set(id, keyRecord(key, keys.get(id)));
  }
  return {
    tenant,
    upstream: new Map(Object.entries(upstreams)),
    jwtIssuer: new Map(Object.entries(jwtIssuers)),
    route: new Map(Object.entries(routes)),
    apiKey: keys,
  };
}

/** A bundle holds no key to show the first characters of; those of its hash tell keys apart too. */
function keyRecord(key: BundleApiKey, known: ApiKeyRecord | undefined): ApiKeyRecord {
  const hint = known?.sha256 === key.sha256 ? known.hint : `sha256:${key.sha256.slice(0, 8)}`;
  return { ...key, hint };
}
