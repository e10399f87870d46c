import { coversName } from '@headgate/model';
import { localReply, type LocalReply } from '../request/local-reply.ts';
import type { RequestContext } from '../request/request-context.ts';

/** Where hosts lead. */
export interface HostDirectory {
  findByHost(host: string): { readonly id: string } | null;
}

/**
 * Requests over TLS: the host has to be one that the connection was opened for, or 421 (RFC 9110 section 15.5.20). That is one of
 * the tenant of the name that the client gave at the handshake, and, where it was shown that tenant's certificate, a name of it: a
 * connection serves one tenant, and no other's certificate stands for it.
 */
export function checkServerName(
  { head, tls }: Pick<RequestContext, 'head' | 'tls'>,
  tenants: HostDirectory,
): LocalReply | null {
  if (tls === null) return null;
  const tenant = tenants.findByHost(head.host);
  const isSame = (tenant === null ? null : tenant.id) === tls.tenantId;
  const { dnsNames, sni } = tls;
  if (isSame && (dnsNames === null || head.host === sni || coversName(dnsNames, head.host))) {
    return null;
  }
  return localReply('HG_HTTP_MISDIRECTED');
}
