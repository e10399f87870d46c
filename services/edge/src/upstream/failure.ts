import { ERRORS, type ErrorCode } from '@headgate/errors';
import { ADDRESS_REFUSED } from '@headgate/runtime';
import { localReply, type LocalReply } from '../request/local-reply.ts';

/** Why an attempt failed; short stable words for access records, metrics and spans. */
export type UpstreamFailure =
  | 'none_available'
  | 'overloaded'
  | 'edge_exhausted'
  | 'resolve_failed'
  | 'address_refused'
  | 'connect_failed'
  | 'connect_timeout'
  | 'reset'
  | 'response_timeout'
  | 'idle_timeout'
  | 'malformed'
  | 'truncated';

/** The code a client gets for a failure that could not be retried. */
export const FAILURE_CODES: Readonly<Record<UpstreamFailure, ErrorCode>> = Object.freeze({
  none_available: 'HG_UPSTREAM_NONE_AVAILABLE',
  overloaded: 'HG_UPSTREAM_OVERLOADED',
  edge_exhausted: 'HG_EDGE_OVERLOADED',
  resolve_failed: 'HG_UPSTREAM_CONNECT_FAILED',
  address_refused: 'HG_UPSTREAM_CONNECT_FAILED',
  connect_failed: 'HG_UPSTREAM_CONNECT_FAILED',
  connect_timeout: 'HG_UPSTREAM_CONNECT_FAILED',
  reset: 'HG_UPSTREAM_RESET',
  response_timeout: 'HG_UPSTREAM_TIMEOUT',
  idle_timeout: 'HG_UPSTREAM_TIMEOUT',
  malformed: 'HG_UPSTREAM_MALFORMED',
  truncated: 'HG_UPSTREAM_RESET',
});

const UNREACHABLE: ReadonlySet<UpstreamFailure> = new Set([
  ...(['resolve_failed', 'address_refused'] as const),
  ...(['connect_failed', 'connect_timeout'] as const),
]);

/** Errors of this machine, which has no file descriptor, local port or memory left for a connection. */
const EXHAUSTED: ReadonlySet<string | undefined> = new Set([
  ...['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOMEM', 'ENOBUFS'],
  'EAI_MEMORY',
]);

/** Why a connection did not come about, by the error of its socket. */
export function connectFailure(error: NodeJS.ErrnoException | null): UpstreamFailure {
  if (error?.code === ADDRESS_REFUSED) return 'address_refused';
  if (EXHAUSTED.has(error?.code)) return 'edge_exhausted';
  return error?.syscall === 'getaddrinfo' ? 'resolve_failed' : 'connect_failed';
}

/**
 * The answer to a request whose last attempt failed. When no connection came about and no endpoint is left that the
 * picker would choose by its health, the client is told that the upstream as a whole is down.
 */
export function failureReply(
  failure: UpstreamFailure,
  endpoints: readonly { isHealthy(): boolean }[],
): LocalReply {
  const noneLeft = UNREACHABLE.has(failure) && !endpoints.some((endpoint) => endpoint.isHealthy());
  const code = FAILURE_CODES[noneLeft ? 'none_available' : failure];
  return localReply(code, ERRORS[code].status === 503 ? 'Retry-After: 1\r\n' : '');
}
