/** Who is at fault: the client side, the backend side, or the edge itself. */
export type ErrorSource = 'downstream' | 'upstream' | 'gateway';

/** Whether sending the same request again can help: not at all, at once, or after `Retry-After`. */
export type RetryClass = 'never' | 'now' | 'later';

/** One row of the table of codes. */
export interface ErrorDefinition {
  readonly status: number;
  readonly source: ErrorSource;
  readonly retry: RetryClass;
  /** Short summary for people, the same for every occurrence (RFC 9457 `title`). */
  readonly title: string;
}

function row(
  status: number,
  source: ErrorSource,
  retry: RetryClass,
  title: string,
): ErrorDefinition {
  return Object.freeze({ status, source, retry, title });
}

/**
 * Every code that Headgate answers with, in one place. Codes are stable: clients may switch on them.
 * The reference page `docs/reference/errors.md` is generated from this table.
 */
export const ERRORS = Object.freeze({
  // The request itself (edge)
  HG_HTTP_MALFORMED: row(400, 'downstream', 'never', 'The request is not valid HTTP/1.1'),
  HG_HTTP_METHOD_NOT_ALLOWED: row(405, 'downstream', 'never', 'The method is not supported'),
  HG_HTTP_TIMEOUT: row(408, 'downstream', 'now', 'The request did not arrive in time'),
  HG_HTTP_BODY_TOO_LARGE: row(413, 'downstream', 'never', 'The request body is too large'),
  HG_HTTP_TARGET_TOO_LONG: row(414, 'downstream', 'never', 'The request target is too long'),
  HG_HTTP_EXPECTATION_FAILED: row(417, 'downstream', 'never', 'The expectation is not supported'),
  HG_HTTP_MISDIRECTED: row(421, 'downstream', 'never', 'The request was sent to the wrong server'),
  HG_HTTP_HEAD_TOO_LARGE: row(
    431,
    'downstream',
    'never',
    'The request header section is too large',
  ),
  HG_HTTP_NOT_IMPLEMENTED: row(501, 'downstream', 'never', 'The transfer coding is not supported'),
  HG_HTTP_VERSION_UNSUPPORTED: row(505, 'downstream', 'never', 'The HTTP version is not supported'),
  // Tenant, route, principal (edge)
  HG_TENANT_UNKNOWN: row(404, 'downstream', 'never', 'No tenant is configured for this address'),
  HG_TENANT_CONFLICT: row(403, 'downstream', 'never', 'The request names two different tenants'),
  HG_TENANT_SUSPENDED: row(403, 'downstream', 'later', 'The tenant is suspended'),
  HG_ROUTE_NOT_FOUND: row(404, 'downstream', 'never', 'No route matches the request'),
  HG_ROUTE_METHOD_NOT_ALLOWED: row(
    405,
    'downstream',
    'never',
    'The route does not allow the method',
  ),
  HG_AUTH_REQUIRED: row(401, 'downstream', 'never', 'An API key is required'),
  HG_AUTH_INVALID: row(401, 'downstream', 'never', 'The API key is not valid'),
  HG_AUTH_TOKEN_REQUIRED: row(401, 'downstream', 'never', 'A bearer token is required'),
  HG_AUTH_TOKEN_INVALID: row(401, 'downstream', 'never', 'The bearer token is not valid'),
  HG_AUTH_SCOPE_MISSING: row(403, 'downstream', 'never', 'The bearer token lacks a scope'),
  HG_AUTH_ISSUER_UNAVAILABLE: row(
    503,
    'gateway',
    'later',
    'The keys of the issuer of the bearer token are not available',
  ),
  // Limits (edge)
  HG_LIMIT_EXCEEDED: row(429, 'downstream', 'later', 'A rate limit is exceeded'),
  HG_LIMIT_SHARED: row(
    429,
    'gateway',
    'later',
    'Too many requests of all clients together; try again later',
  ),
  HG_LIMIT_UNAVAILABLE: row(503, 'gateway', 'later', 'The limit cannot be checked at the moment'),
  // Backends (edge)
  HG_UPSTREAM_NONE_AVAILABLE: row(503, 'upstream', 'later', 'No endpoint is available'),
  HG_UPSTREAM_UNKNOWN: row(
    503,
    'gateway',
    'later',
    'The shared upstream of the route is not known to this edge (yet)',
  ),
  HG_UPSTREAM_OVERLOADED: row(503, 'gateway', 'later', 'Too many requests wait for this upstream'),
  HG_UPSTREAM_CONNECT_FAILED: row(502, 'upstream', 'now', 'No connection to the endpoint'),
  HG_UPSTREAM_RESET: row(502, 'upstream', 'now', 'The endpoint closed the connection'),
  HG_UPSTREAM_MALFORMED: row(502, 'upstream', 'never', 'The endpoint sent an invalid response'),
  HG_UPSTREAM_TIMEOUT: row(504, 'upstream', 'later', 'The endpoint did not answer in time'),
  HG_UPSTREAM_LOOP: row(508, 'upstream', 'never', 'The endpoint leads back to this gateway'),
  // The edge itself
  HG_CONFIG_QUARANTINED: row(503, 'gateway', 'later', 'The tenant has no usable configuration'),
  HG_EDGE_DRAINING: row(503, 'gateway', 'now', 'This edge is shutting down'),
  HG_EDGE_OVERLOADED: row(503, 'gateway', 'later', 'This edge is overloaded'),
  HG_INTERNAL: row(500, 'gateway', 'now', 'An internal error occurred'),
  // The management API (config-service)
  HG_API_MALFORMED: row(400, 'downstream', 'never', 'The request cannot be read'),
  HG_API_UNAUTHENTICATED: row(401, 'downstream', 'never', 'A valid bearer token is required'),
  HG_API_FORBIDDEN: row(403, 'downstream', 'never', 'The role does not allow this'),
  HG_API_NOT_FOUND: row(404, 'downstream', 'never', 'The resource does not exist'),
  HG_API_METHOD_NOT_ALLOWED: row(405, 'downstream', 'never', 'The resource has no such method'),
  HG_API_CONFLICT: row(409, 'downstream', 'never', 'The change conflicts with another resource'),
  HG_API_REQUEST_UNDER_WAY: row(
    409,
    'downstream',
    'later',
    'The same request is under way already',
  ),
  HG_API_REVISION_MISMATCH: row(
    412,
    'downstream',
    'never',
    'The resource has changed in the meantime',
  ),
  HG_API_TOO_LARGE: row(413, 'downstream', 'never', 'The request body is too large'),
  HG_API_MEDIA_TYPE: row(415, 'downstream', 'never', 'The media type is not supported'),
  HG_API_INVALID: row(422, 'downstream', 'never', 'The resource is not valid'),
  HG_API_KEY_REUSED: row(
    422,
    'downstream',
    'never',
    'The Idempotency-Key was used for another request',
  ),
  HG_API_PRECONDITION_REQUIRED: row(
    428,
    'downstream',
    'never',
    'The change needs an If-Match header',
  ),
  HG_API_RATE_LIMITED: row(429, 'downstream', 'later', 'Too many management requests'),
  HG_API_STORE_UNAVAILABLE: row(503, 'gateway', 'later', 'The configuration store is unavailable'),
  HG_API_ISSUER_UNAVAILABLE: row(
    503,
    'gateway',
    'later',
    'The keys of the OIDC issuer are unavailable',
  ),
  HG_API_INTERNAL: row(500, 'gateway', 'now', 'An internal error occurred'),
} satisfies Record<string, ErrorDefinition>);

/** A code of the table. */
export type ErrorCode = keyof typeof ERRORS;

/** Stable URI of a code, used as RFC 9457 `type`. A URN: the codes are names, not pages. */
export function problemType(code: ErrorCode): string {
  return `urn:headgate:error:${code}`;
}
