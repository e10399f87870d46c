import { describeFaults, TenantBundle, type TenantDocument } from '@headgate/model';
import type { z } from 'zod';
import { accept, refuse, type Outcome } from '../store/outcome.ts';
import type { TenantSpecs } from '../store/state.ts';

/** The tenant of a stored document in the form of a bundle, as the schemas of its time had it. */
export type StoredTenant = z.input<typeof TenantBundle>;

/**
 * The form that bundles, exports and differences have, from the body of a tenant's document. Nothing
 * is checked: it may come from a release with other rules.
 */
export function bundleOfDocument(body: string): StoredTenant {
  const stored = parseBody(body);
  const { tenant, upstreams, jwtIssuers = [], routes, apiKeys, certificates = [] } = stored;
  const { id: _, ...spec } = tenant;
  return {
    ...spec,
    upstreams: byId(upstreams, withoutId),
    jwtIssuers: byId(jwtIssuers, withoutId),
    routes: byId(routes, withoutId),
    apiKeys: byId(apiKeys, ({ id: _id, hint: _hint, ...key }) => key),
    // The key never leaves, not even sealed: whoever applies this keeps the one that is stored.
    certificates: byId(certificates, ({ name, chain }) => ({
      ...(name === undefined ? {} : { name }),
      chain,
    })),
  };
}

/**
 * The specs of a stored document, checked with the rules of today.
 *
 * @returns a refusal with the path, value and rule of each fault if they have become stricter.
 */
export function specsOfDocument(body: string): Outcome<TenantSpecs> {
  const stored = bundleOfDocument(body);
  const parsed = TenantBundle.safeParse(stored);
  if (!parsed.success) {
    return refuse({ reason: 'invalid', faults: describeFaults(parsed.error, stored) });
  }
  const { upstreams, jwtIssuers, routes, apiKeys, certificates: _, ...tenant } = parsed.data;
  const { apiKeys: keys, certificates = [] } = parseBody(body);
  const hints = new Map(keys.map(({ id, hint }) => [String(id), hint]));
  return accept({
    tenant,
    upstream: new Map(Object.entries(upstreams)),
    jwtIssuer: new Map(Object.entries(jwtIssuers)),
    route: new Map(Object.entries(routes)),
    apiKey: new Map(
      Object.entries(apiKeys).map(([id, key]) => [id, { ...key, hint: hints.get(id) ?? '' }]),
    ),
    certificate: new Map(certificates.map(({ id, ...record }) => [String(id), record])),
  });
}

/** Releases before this one knew no JWT issuers and no certificates, and a tenant may have none. */
type StoredDocument = Omit<TenantDocument, 'jwtIssuers' | 'certificates'> &
  Partial<Pick<TenantDocument, 'jwtIssuers' | 'certificates'>>;

/** Only buildTenantDocument writes bodies, from what the schemas had accepted. */
function parseBody(body: string): StoredDocument {
  return JSON.parse(body) as StoredDocument;
}

function byId<Item extends { readonly id: string }, Value>(
  items: readonly Item[],
  valueOf: (item: Item) => Value,
): Record<string, Value> {
  return Object.fromEntries(items.map((item) => [item.id, valueOf(item)]));
}

function withoutId<Item extends { readonly id: string }>({ id: _, ...rest }: Item) {
  return rest;
}
