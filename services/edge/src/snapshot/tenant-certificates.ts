import { wildcardOf, type Certificate } from '@headgate/model';

/** A certificate of a tenant. Its key is sealed; whoever needs it opens it. */
export interface TenantCertificate {
  readonly tenantId: string;
  readonly id: string;
  readonly chain: string;
  readonly sealedPrivateKey: string;
  readonly dnsNames: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** The certificates of one tenant, by the names that they are for. */
export interface TenantCertificates {
  readonly all: readonly TenantCertificate[];
  /**
   * The certificate for a host: one with the very name, else with a wildcard above it; of several the one that is valid for
   * the longest. One that is not valid (yet, or any more) only if there is no other. Null for none.
   */
  find(host: string, nowMs: number): TenantCertificate | null;
}

/** Of tenants without certificates. */
const NONE: TenantCertificates = { all: [], find: () => null };

/** Compiles the certificates of a tenant's document; no key is opened. */
export function compileCertificates(
  tenantId: string,
  certificates: readonly Certificate[],
): TenantCertificates {
  if (certificates.length === 0) return NONE;
  const all = certificates.map((certificate): TenantCertificate => {
    const { id, chain, sealedPrivateKey, dnsNames, notBefore, notAfter } = certificate;
    const [notBeforeMs, notAfterMs] = [Date.parse(notBefore), Date.parse(notAfter)];
    return { tenantId, id, chain, sealedPrivateKey, dnsNames, notBeforeMs, notAfterMs };
  });
  const byName = new Map<string, TenantCertificate[]>();
  for (const certificate of all.toSorted((a, b) => b.notAfterMs - a.notAfterMs)) {
    for (const name of certificate.dnsNames) {
      const known = byName.get(name);
      if (known === undefined) byName.set(name, [certificate]);
      else known.push(certificate);
    }
  }
  return {
    all,
    find(host, nowMs) {
      const named = byName.get(host) ?? [];
      const wild = byName.get(wildcardOf(host)) ?? [];
      return findValid(named, nowMs) ?? findValid(wild, nowMs) ?? named[0] ?? wild[0] ?? null;
    },
  };
}

function findValid(
  certificates: readonly TenantCertificate[],
  nowMs: number,
): TenantCertificate | undefined {
  return certificates.find(
    ({ notBeforeMs, notAfterMs }) => notBeforeMs <= nowMs && nowMs < notAfterMs,
  );
}
