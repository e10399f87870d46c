import type { ErrorCode } from '@headgate/errors';
import type { UpstreamFailure } from '../upstream/failure.ts';

/** Name of this proxy, as in `Via`: a pseudonym, no host name. */
const PSEUDONYM = 'headgate';

/** RFC 9209 section 2.3: the proxy error types in use. */
export type ProxyErrorType =
  | 'connection_limit_reached'
  | 'connection_read_timeout'
  | 'connection_refused'
  | 'connection_terminated'
  | 'connection_timeout'
  | 'destination_ip_prohibited'
  | 'destination_not_found'
  | 'destination_unavailable'
  | 'dns_error'
  | 'http_protocol_error'
  | 'http_request_denied'
  | 'http_request_error'
  | 'http_response_incomplete'
  | 'http_response_timeout'
  | 'proxy_configuration_error'
  | 'proxy_internal_error'
  | 'proxy_internal_response'
  | 'proxy_loop_detected';

const OF_FAILURES: Readonly<Record<UpstreamFailure, ProxyErrorType>> = {
  none_available: 'destination_unavailable',
  overloaded: 'connection_limit_reached',
  edge_exhausted: 'proxy_internal_error',
  resolve_failed: 'dns_error',
  address_refused: 'destination_ip_prohibited',
  connect_failed: 'connection_refused',
  connect_timeout: 'connection_timeout',
  reset: 'connection_terminated',
  response_timeout: 'http_response_timeout',
  idle_timeout: 'connection_read_timeout',
  malformed: 'http_protocol_error',
  truncated: 'http_response_incomplete',
};

/** Codes whose error type is not that of their area. */
const OF_CODES: Readonly<Partial<Record<ErrorCode, ProxyErrorType>>> = {
  HG_TENANT_UNKNOWN: 'destination_not_found',
  HG_ROUTE_NOT_FOUND: 'destination_not_found',
  HG_AUTH_ISSUER_UNAVAILABLE: 'proxy_internal_response',
  HG_UPSTREAM_LOOP: 'proxy_loop_detected',
  HG_UPSTREAM_UNKNOWN: 'proxy_configuration_error',
  HG_CONFIG_QUARANTINED: 'proxy_configuration_error',
  HG_INTERNAL: 'proxy_internal_error',
};

/** Error types of areas, by the start of the code. */
const OF_AREAS: readonly (readonly [string, ProxyErrorType])[] = [
  ['HG_HTTP_', 'http_request_error'],
  ['HG_ROUTE_', 'http_request_error'],
  ['HG_TENANT_', 'http_request_denied'],
  ['HG_AUTH_', 'http_request_denied'],
  ['HG_LIMIT_', 'http_request_denied'],
];

/** Of answers of the edge by itself, by code, made once: a denial is nothing else. */
const OWN_ANSWERS = new Map<ErrorCode, string>();

/**
 * The member of this proxy in `Proxy-Status` (RFC 9209), for the access record: a structured field item.
 *
 * @param code of the edge's own answer or of an answer that was cut.
 * @param failure of the last attempt; null if there was none or it succeeded.
 * @param receivedStatus of the endpoint's answer; 0 for none.
 * @hot
 */
export function proxyStatus(
  code: ErrorCode,
  failure: UpstreamFailure | null,
  receivedStatus: number,
): string {
  if (failure === null && receivedStatus === 0) return OWN_ANSWERS.get(code) ?? ownAnswer(code);
  const type = failure === null ? errorTypeOf(code) : OF_FAILURES[failure];
  const received = receivedStatus === 0 ? '' : `; received-status=${receivedStatus}`;
  return `${PSEUDONYM}; error=${type}${received}`;
}

function ownAnswer(code: ErrorCode): string {
  const member = `${PSEUDONYM}; error=${errorTypeOf(code)}`;
  OWN_ANSWERS.set(code, member);
  return member;
}

function errorTypeOf(code: ErrorCode): ProxyErrorType {
  const own = OF_CODES[code];
  if (own !== undefined) return own;
  const area = OF_AREAS.find(([start]) => code.startsWith(start));
  return area === undefined ? 'proxy_internal_response' : area[1];
}
