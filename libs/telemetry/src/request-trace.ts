/** One attempt of a finished request, for its span. */
export interface AttemptTrace {
  /** The id that the backend got in `traceparent`. */
  readonly spanId: string;
  /** Ms since the Unix epoch, fractions allowed. */
  readonly startMs: number;
  readonly endMs: number;
  readonly endpointHost: string;
  readonly endpointPort: number;
  /** Status of the backend's reply; null when none came. */
  readonly status: number | null;
  /** Short class of the failure, such as an error code; null when a reply came. */
  readonly errorType: string | null;
}

/** The limiter's part of a finished request, for its span. */
export interface LimiterTrace {
  readonly startMs: number;
  readonly endMs: number;
  /** `allowed`, `denied`, … */
  readonly outcome: string;
  /** `store`, `cache`, `share`, … */
  readonly source: string;
}

/** A finished sampled request as plain values, for its spans. */
export interface RequestTrace {
  /** Ids from the request's `TraceContext`. */
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly startMs: number;
  readonly endMs: number;
  readonly method: string;
  readonly scheme: 'http' | 'https';
  /** Host of the request, without port. */
  readonly host: string;
  /** Path without query. */
  readonly path: string;
  readonly clientIp: string;
  readonly userAgent: string | null;
  readonly requestId: string;
  /** Status sent to the client; 0 when none was sent. */
  readonly status: number;
  /** Code of the local reply or failure; null when the backend answered. */
  readonly code: string | null;
  readonly tenantId: string | null;
  readonly routeId: string | null;
  /** Path pattern of the route, a closed set; null without a route. */
  readonly routePath: string | null;
  readonly upstreamId: string | null;
  /** Revision of the tenant's snapshot; null without a tenant. */
  readonly revision: number | null;
  readonly limiter: LimiterTrace | null;
  readonly attempts: readonly AttemptTrace[];
}
