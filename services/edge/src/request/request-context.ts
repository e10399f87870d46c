import { ApiKeyVerifier } from '@headgate/auth';
import type { ErrorCode } from '@headgate/errors';
import type { RequestHead } from '@headgate/http1';
import type { LimitChain, LimitVerdict } from '@headgate/limiting';
import {
  compileAccessTexts,
  NO_TRACE,
  type AccessRecord,
  type AccessTexts,
  type TraceContext,
} from '@headgate/telemetry';
import type { CompiledRoute, CompiledTenant, Principal } from '../snapshot/compile-tenant.ts';
import type { TenantHandle } from '../stages/identify-tenant.ts';
import type { ConnectionTls } from '../tls/connection-tls.ts';
import type { UpstreamEndpoint } from '../upstream/endpoint.ts';
import type { UpstreamFailure } from '../upstream/failure.ts';
import type { BodyMeter } from './body-meter.ts';
import { proxyStatus } from './proxy-status.ts';

/** One attempt of a sampled request, kept for its span. Times are monotonic. */
export interface LoggedAttempt {
  readonly endpoint: UpstreamEndpoint;
  readonly spanId: string;
  readonly startMs: number;
  endMs: number;
  /** Status of the endpoint's answer; null for none. */
  status: number | null;
  failure: UpstreamFailure | null;
}

/**
 * All that is known of the request that a connection serves at the moment. One object per connection, one shape,
 * reset for each request. Stages write the fields named after them; nobody else does.
 */
export class RequestContext implements AccessRecord {
  /** Of the connection's parser: valid until the request is finished. */
  readonly head: RequestHead;

  // accept: fixed for the connection
  clientIp = '';
  /** The peer may set forwarding and tenant headers. */
  trustedSource = false;
  /** `X-Forwarded-…` lines of a source that is not trusted, made by the first request; '' before. */
  forwardedLines = '';
  /** Null for plain TCP. */
  tls: ConnectionTls | null = null;
  readonly apiKeyVerifier = new ApiKeyVerifier<Principal>();
  /** Host of the last request, and whose it was when the directory of tenants had this version. */
  knownHost = '';
  knownVersion = -1;
  knownTenant: TenantHandle | null = null;

  // parse
  /** The head could not be read: method, host and path are unknown. */
  malformed = false;
  requestId = '';
  timeMs = 0;
  /** Monotonic. */
  startMs = 0;

  // identify tenant, match route, authenticate
  tenant: CompiledTenant | null = null;
  route: CompiledRoute | null = null;
  principal: Principal | null = null;

  // enforce limits
  verdict: LimitVerdict | null = null;
  /** Limits of which the request holds slots until it ends; null for none. */
  heldChain: LimitChain | null = null;
  /** Of a request whose limits count the bytes of its bodies, from its admission to its end; null for others. */
  meter: BodyMeter | null = null;
  /** `RateLimit…` lines for the response. */
  limitHeaders = '';
  limitStartMs = 0;
  limiterMs: number | null = null;

  // trace
  trace: TraceContext = NO_TRACE;

  // forward
  attempts = 0;
  /** Filled for sampled requests only. */
  attemptLog: LoggedAttempt[] = [];
  /** Of the last attempt. */
  lastEndpoint: UpstreamEndpoint | null = null;
  upstreamMs: number | null = null;
  /** Of the last attempt; null while it goes well. */
  failure: UpstreamFailure | null = null;
  /** Status of the endpoint's answer; 0 for none. */
  receivedStatus = 0;

  // record
  status = 0;
  code: ErrorCode | null = null;
  durationMs = 0;
  bytesIn = 0;
  bytesOut = 0;

  constructor(head: RequestHead) {
    this.head = head;
  }

  /** Forgets the previous request; what belongs to the connection stays. @hot */
  reset(): void {
    this.malformed = false;
    this.requestId = '';
    this.tenant = null;
    this.route = null;
    this.principal = null;
    this.verdict = null;
    this.heldChain = null;
    this.meter = null;
    this.limitHeaders = '';
    this.limitStartMs = 0;
    this.limiterMs = null;
    this.trace = NO_TRACE;
    this.attempts = 0;
    if (this.attemptLog.length > 0) this.attemptLog = [];
    this.lastEndpoint = null;
    this.upstreamMs = null;
    this.failure = null;
    this.receivedStatus = 0;
    this.status = 0;
    this.code = null;
    this.durationMs = 0;
    this.bytesIn = 0;
    this.bytesOut = 0;
  }

  get proxyStatus(): string | null {
    return this.code === null ? null : proxyStatus(this.code, this.failure, this.receivedStatus);
  }

  get traceId(): string | null {
    return this.trace.traceId;
  }

  get tlsText(): string {
    return this.tls === null ? '' : this.tls.recordText;
  }

  get tenantId(): string | null {
    return this.tenant === null ? null : this.tenant.id;
  }

  get routeId(): string | null {
    return this.route === null ? null : this.route.id;
  }

  get principalId(): string | null {
    return this.principal === null ? null : this.principal.keyId;
  }

  get method(): string {
    return this.malformed ? '' : this.head.method;
  }

  get host(): string {
    return this.malformed ? '' : this.head.host;
  }

  get path(): string {
    return this.malformed ? '' : this.head.path;
  }

  get limitOutcome(): string | null {
    return this.verdict === null ? null : this.verdict.outcome;
  }

  get upstreamId(): string | null {
    return this.route === null ? null : this.route.upstream.id;
  }

  get endpoint(): string | null {
    return this.lastEndpoint === null ? null : this.lastEndpoint.id;
  }

  get endpointText(): string | null {
    return this.lastEndpoint === null ? null : this.lastEndpoint.accessText;
  }

  get userAgent(): string | null {
    return this.malformed ? null : this.head.get('user-agent');
  }

  get texts(): AccessTexts | null {
    return this.route === null ? null : (this.route.accessTexts ??= compileAccessTexts(this));
  }

  get revision(): number | null {
    return this.tenant === null ? null : this.tenant.revision;
  }
}
