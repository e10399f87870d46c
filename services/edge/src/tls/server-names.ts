import type { SecureContext } from 'node:tls';
import type { CompiledTenant } from '../snapshot/compile-tenant.ts';
import type { SecureContexts } from './secure-contexts.ts';

/** Whom a connection with TLS was opened for, and what the client was shown. */
export interface ServerIdentity {
  /** Name that the client asked for, lower case; '' if it gave none. */
  readonly sni: string;
  /** Tenant of that name; null for none. */
  readonly tenantId: string | null;
  /** Names of the tenant's certificate; null if the edge's default one was shown. */
  readonly dnsNames: readonly string[] | null;
}

/** What a handshake goes on with. */
export interface NameChoice {
  readonly context: SecureContext;
  readonly identity: ServerIdentity;
}

/** Where names lead. */
export interface ServerNamesDeps {
  readonly tenants: {
    findByHost(host: string): { readonly id: string; snapshot(): CompiledTenant | null } | null;
  };
  readonly contexts: Pick<SecureContexts, 'get'>;
  /** Of the edge's own certificate; null if it has none. */
  readonly defaultContext: SecureContext | null;
  readonly nowMs: () => number;
}

/** What the names of requests consist of. Others are nobody's, and need no care in logs. */
const NAME = /^[a-z0-9._-]{1,253}$/;

/**
 * Chooses the certificate for a name: that of the tenant whose host it is, else the edge's own. Whether a host is unknown or its tenant has no
 * certificate for it looks the same.
 *
 * @param name as the client sent it; '' for none.
 */
export function chooseByName(
  deps: ServerNamesDeps,
  name: string,
): NameChoice | 'unknown' | 'unusable' {
  const sni = name.toLowerCase();
  const tenant = NAME.test(sni) ? deps.tenants.findByHost(sni) : null;
  const tenantId = tenant === null ? null : tenant.id;
  const certificate = tenant?.snapshot()?.certificates.find(sni, deps.nowMs()) ?? null;
  if (certificate !== null) {
    const context = deps.contexts.get(certificate);
    if (context === null) return 'unusable';
    const { dnsNames } = certificate;
    return { context, identity: { sni, tenantId, dnsNames } };
  }
  const { defaultContext } = deps;
  if (defaultContext === null || (sni !== '' && !NAME.test(sni))) return 'unknown';
  return { context: defaultContext, identity: { sni, tenantId, dnsNames: null } };
}
