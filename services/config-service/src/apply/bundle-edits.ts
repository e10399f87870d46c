import type { Bundle, BundleApiKey, TenantBundle } from '@headgate/model';
import {
  certificateRecord,
  refusalInBundle,
  type BundleCertificates,
  type PreparedCertificates,
} from '../certificates/prepare-certificate.ts';
import { buildTenantDocument, type BuiltDocument } from '../publish/build-document.ts';
import type { Edits } from '../store/commit.ts';
import type { ApiKeyRecord, CertificateRecord } from '../store/kinds.ts';
import { accept, refuse, type Outcome } from '../store/outcome.ts';
import { NO_TENANT, specsOf, type TenantSpecs, type TenantState } from '../store/state.ts';

const NO_CERTIFICATES: PreparedCertificates = new Map();

/** The changes that bring what a bundle names into the state that it wants; `certificates` are those of the bundle. */
export function bundleEdits(bundle: Bundle, certificates: BundleCertificates): Edits {
  return {
    plan: new Map(Object.entries(bundle.plans).map(([id, plan]) => [id, () => accept(plan)])),
    sharedUpstream: new Map(
      Object.entries(bundle.upstreams).map(([id, upstream]) => [id, () => accept(upstream)]),
    ),
    tenants: new Map(
      Object.entries(bundle.tenants).map(([id, tenant]) => [
        id,
        (current: TenantState) => mergeTenant(current, tenant, certificates.get(id)),
      ]),
    ),
  };
}

/** The documents of a bundle's tenants, without the API keys and certificates that stay: what is stored has at least their size. */
export function leastDocuments({ tenants }: Bundle): BuiltDocument[] {
  return Object.entries(tenants).map(([id, tenant]) => {
    const specs = { ...mergeOthers(NO_TENANT, tenant), certificate: NO_TENANT.certificate };
    return buildTenantDocument(id, specs, 0);
  });
}

/**
 * A tenant as a bundle wants it: upstreams, JWT issuers and routes are those of the bundle; API keys and certificates that it does not
 * name stay.
 *
 * @param certificates those of the bundle.
 * @returns a refusal if one has no key and the stored one does not fit.
 */
export function mergeTenant(
  current: TenantState,
  bundle: TenantBundle,
  certificates = NO_CERTIFICATES,
): Outcome<TenantSpecs> {
  const specs = specsOf(current);
  const merged = new Map<string, CertificateRecord>(specs.certificate);
  for (const [id, prepared] of certificates) {
    const record = certificateRecord(prepared, merged.get(id));
    if (!record.ok) return refuse(refusalInBundle(record.refusal, { tenantId: current.id, id }));
    merged.set(id, record.value);
  }
  return accept({ ...mergeOthers(specs, bundle), certificate: merged });
}

function mergeOthers(current: TenantSpecs, bundle: TenantBundle): Omit<TenantSpecs, 'certificate'> {
  const { upstreams, jwtIssuers, routes, apiKeys, certificates: _, ...tenant } = bundle;
  const keys = new Map(current.apiKey);
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
