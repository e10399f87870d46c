import type { ErrorCode } from '@headgate/errors';

/** Why an attempt failed; short stable words for access records, metrics and spans. */
export type UpstreamFailure =
  | 'none_available'
  | 'overloaded'
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
  connect_failed: 'HG_UPSTREAM_CONNECT_FAILED',
  connect_timeout: 'HG_UPSTREAM_CONNECT_FAILED',
  reset: 'HG_UPSTREAM_RESET',
  response_timeout: 'HG_UPSTREAM_TIMEOUT',
  idle_timeout: 'HG_UPSTREAM_TIMEOUT',
  malformed: 'HG_UPSTREAM_MALFORMED',
  truncated: 'HG_UPSTREAM_RESET',
});
