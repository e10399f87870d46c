import { z } from 'zod';
import { LimitList } from './limit.ts';
import {
  durationMs,
  HostPattern,
  JwtIssuerId,
  PathPattern,
  RouteId,
  SharedUpstreamId,
  UpstreamId,
} from './primitives.ts';

/** Methods a route can be limited to. */
export const Method = z
  .string()
  .regex(/^[A-Z][A-Z-]{0,31}$/, 'must be an upper-case method such as GET')
  .refine((method) => method !== 'CONNECT' && method !== 'TRACE', {
    error: 'CONNECT and TRACE are never forwarded',
  });

/** Classes of requests, the most important first. */
export const Priority = z.enum(['critical', 'normal', 'bulk']);
export type Priority = z.infer<typeof Priority>;

/** Which requests of the tenant a route takes. */
export const RouteMatch = z
  .strictObject({
    hosts: z.array(HostPattern).max(64).default([]).describe('Any host of the tenant if empty.'),
    path: z
      .union([z.strictObject({ exact: PathPattern }), z.strictObject({ prefix: PathPattern })], {
        error: 'must be {"prefix": "/..."} or {"exact": "/..."}, one of them',
      })
      .default({ prefix: '/' })
      .describe(
        'Exact path, or a prefix of whole segments: "/a" matches "/a" and "/a/b", not "/ab".',
      ),
    methods: z.array(Method).max(16).default([]).describe('Any method if empty.'),
  })
  .describe('Which requests a route takes.');
export type RouteMatch = z.infer<typeof RouteMatch>;

/** One scope (RFC 6749, section 3.3). */
const Scope = z
  .string()
  .max(128)
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'must be visible ASCII without blanks, \'"\' and "\\"');

/** Which JWTs a route takes. */
export const RouteJwt = z
  .strictObject({
    issuerIds: z
      .array(JwtIssuerId)
      .min(1)
      .max(8)
      .describe(
        'JWT issuers of the tenant. Of several with the same `issuer` the first counts whose audiences fit.',
      ),
    scopes: z
      .array(Scope)
      .max(16)
      .default([])
      .describe('Scopes that a token must have, all of them, in `scope` or else `scp`.'),
  })
  .describe('Bearer tokens that are taken. With `auth` "jwt" only.');
export type RouteJwt = z.infer<typeof RouteJwt>;

/**
 * What an operator writes for a route. Among the routes that match, the most specific wins: exact host before wildcard
 * before none, then exact path before the longest prefix, then a method list before none.
 */
export const RouteSpec = z
  .strictObject({
    match: RouteMatch.default({ hosts: [], path: { prefix: '/' }, methods: [] }),
    upstreamId: UpstreamId.optional().describe(
      'Where requests go: an upstream of the tenant. Either this or `sharedUpstreamId`.',
    ),
    sharedUpstreamId: SharedUpstreamId.optional().describe(
      'Where requests go: an upstream of the platform. Either this or `upstreamId`.',
    ),
    auth: z
      .enum(['none', 'api_key', 'jwt'])
      .default('none')
      .describe(
        '"api_key" needs a valid key in X-API-Key or as a bearer token, "jwt" a token as `jwt` says.',
      ),
    jwt: RouteJwt.optional(),
    stripPrefix: z
      .boolean()
      .default(false)
      .describe('Remove the matched path prefix before forwarding.'),
    cost: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(1)
      .describe(
        'Units that a request takes of each limit (of kind "concurrency": slots). Above a limit it never passes.',
      ),
    priority: Priority.optional().describe(
      'How important its requests are where a limit has a `headroom`: "normal" (default) and "bulk" ones leave it to those above them.',
    ),
    limits: LimitList.describe(
      'Limits of the requests of this route, on top of those of the tenant and the API key.',
    ),
    requestBodyBytesMax: z
      .int()
      .min(0)
      .max(1024 ** 4)
      .default(1024 ** 3 * 10)
      .describe('Larger request bodies get 413. Default 10 GiB.'),
    perTryTimeoutMs: durationMs(10, 3_600_000)
      .default(15_000)
      .describe('From sending an attempt to the first byte of its response.'),
    idleTimeoutMs: durationMs(100, 3_600_000)
      .default(60_000)
      .describe(
        'Longest silence while bodies stream in either direction, or in a WebSocket. Once one side of a WebSocket has sent FIN, it ends within 5 s.',
      ),
    totalTimeoutMs: durationMs(0, 86_400_000)
      .default(0)
      .describe('Whole request including bodies; 0 for none.'),
    retries: z
      .int()
      .min(0)
      .max(3)
      .default(1)
      .describe('Further attempts for idempotent requests that failed before a byte came back.'),
  })
  .superRefine(({ auth, jwt }, context) => {
    if (auth === 'jwt' && jwt === undefined) {
      const message = 'missing; with auth "jwt" a route tells whose tokens it takes';
      context.addIssue({ code: 'custom', path: ['jwt'], message });
    } else if (auth !== 'jwt' && jwt !== undefined) {
      const message = 'must not be there without auth "jwt"';
      context.addIssue({ code: 'custom', path: ['jwt'], message, input: jwt });
    }
  })
  .superRefine(({ upstreamId, sharedUpstreamId }, context) => {
    if (upstreamId === undefined && sharedUpstreamId === undefined) {
      const message = 'missing; a route has an upstreamId or a sharedUpstreamId';
      context.addIssue({ code: 'custom', path: ['upstreamId'], message });
    } else if (upstreamId !== undefined && sharedUpstreamId !== undefined) {
      const message = 'a route has an upstreamId or a sharedUpstreamId, not both';
      const input = sharedUpstreamId;
      context.addIssue({ code: 'custom', path: ['sharedUpstreamId'], message, input });
    }
  })
  .meta({
    description:
      'A rule that sends requests of a tenant to one of its upstreams, or to one of the platform.',
    oneOf: [{ required: ['upstreamId'] }, { required: ['sharedUpstreamId'] }],
  });
export type RouteSpec = z.infer<typeof RouteSpec>;

export const Route = RouteSpec.safeExtend({ id: RouteId });
export type Route = z.infer<typeof Route>;
