import { SecretsKeys, systemClock } from '@headgate/runtime';
import type { ServiceLogger } from '@headgate/telemetry';
import type { DownstreamDeps } from '../downstream/downstream-deps.ts';
import type { TlsListening } from '../downstream/listener.ts';
import type { WorkerSettings } from '../ipc/messages.ts';
import { checkServerName } from '../stages/check-server-name.ts';
import { makeSecureContext, SecureContexts } from '../tls/secure-contexts.ts';
import type { ServerNamesDeps } from '../tls/server-names.ts';
import { createTlsStats, type TlsStats } from '../tls/tls-stats.ts';

/** What a worker needs for TLS. */
export interface WorkerTls {
  /** Null: no listener with TLS. */
  readonly contexts: SecureContexts | null;
  readonly stats: TlsStats;
  /** The second port, where there is one; `serve` runs the request path. */
  listening(
    tenants: ServerNamesDeps['tenants'],
    serve: DownstreamDeps['handle'],
  ): TlsListening | null;
}

/** Opens it; null settings: no listener with TLS. */
export function openTls(settings: WorkerSettings['tls'], log: ServiceLogger): WorkerTls {
  const stats = createTlsStats();
  if (settings === null) return { contexts: null, stats, listening: () => null };
  const { listen, secretsKeys, handshakeMs, handshakesMax, contextsMax } = settings;
  const contexts = new SecureContexts(
    {
      secrets: secretsKeys.length === 0 ? null : new SecretsKeys(secretsKeys),
      onUnusable: ({ tenantId, id: certificateId }, reason) =>
        log.logger.error({ tenantId, certificateId, reason }, 'a certificate cannot be used'),
    },
    contextsMax,
  );
  const { defaultCertificate } = settings;
  const defaultContext = defaultCertificate === null ? null : makeSecureContext(defaultCertificate);
  return {
    contexts,
    stats,
    listening: (tenants, serve) => ({
      ...{ listen, stats, settings: { handshakeMs, handshakesMax } },
      names: { tenants, contexts, defaultContext, nowMs: () => systemClock.nowMs() },
      firstContext: defaultContext ?? makeSecureContext(null),
      handle(exchange) {
        const refusal = checkServerName(exchange.context, tenants);
        if (refusal === null) serve(exchange);
        else exchange.answer(refusal);
      },
    }),
  };
}
