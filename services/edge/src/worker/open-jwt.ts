import { TokenVerifier } from '@headgate/auth';
import { refusedJwksHost } from '@headgate/model';
import {
  compileAddressRanges,
  systemClock,
  systemRandom,
  systemTimers,
  type ResolveAll,
} from '@headgate/runtime';
import type { ServiceLogger, WorkerMetrics } from '@headgate/telemetry';
import type { WorkerSettings } from '../ipc/messages.ts';
import { shortReason } from '../ipc/reason.ts';
import { FetchLanes } from '../jwt/fetch-lanes.ts';
import { createFetchText } from '../jwt/fetch-text.ts';
import { IssuerKeys } from '../jwt/issuer-keys.ts';
import { Turns } from '../jwt/turns.ts';
import type { AuthenticateJwtDeps } from '../stages/authenticate-jwt.ts';

/** Opens the keys of JWT issuers; `names` finds the addresses that they are fetched from. */
export function openIssuerKeys(
  { allowedAddresses }: WorkerSettings,
  names: ResolveAll,
  { metrics, log }: { readonly metrics: WorkerMetrics; readonly log: ServiceLogger },
): IssuerKeys {
  const isAllowed = compileAddressRanges(allowedAddresses);
  const countOf = (outcome: 'ok' | 'failed') =>
    metrics.counter('headgate_jwks_fetches_total', { outcome });
  return new IssuerKeys({
    clock: systemClock,
    random: systemRandom,
    lanes: new FetchLanes({ clock: systemClock, ...systemTimers }),
    fetchText: createFetchText(names, (address, isPlain) =>
      refusedJwksHost(address, isPlain, isAllowed),
    ),
    onFetched(tenantId, issuerId, error) {
      countOf(error === null ? 'ok' : 'failed').value += 1;
      if (error === null) return;
      const reason = shortReason(error.message);
      log.logger.warn({ tenantId, issuerId, reason }, 'the keys of a JWT issuer were not fetched');
    },
  });
}

/** What checking tokens takes. */
export function openTokens(): AuthenticateJwtDeps {
  return { tokens: new TokenVerifier(), turns: new Turns(setImmediate) };
}
