import rateLimit from '@fastify/rate-limit';
import { createProblem } from '@headgate/errors';
import type { Clock } from '@headgate/runtime';
import {
  fastify,
  LogController,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
} from 'fastify';
import { z } from 'zod';
import { createAuthenticate } from './access/authenticate.ts';
import { authorise, type Authorise } from './access/authorise.ts';
import { boundCredentials } from './access/credential-bound.ts';
import { guardRoutes } from './access/guard-routes.ts';
import type { VerifyJwt } from './access/oidc/verify-jwt.ts';
import type { Session } from './access/session.ts';
import { createAllowedMethods } from './http/allowed-methods.ts';
import { readJsonBodies, type BodyBounds } from './http/json-body.ts';
import { observeRequests, type RequestObserver } from './http/observe-requests.ts';
import { buildOpenApi } from './http/openapi.ts';
import { NOTHING, defineOperation, type Operation } from './http/operation.ts';
import { sendFailure, sendProblem } from './http/problems.ts';
import { answerOnce } from './idempotency/answer-once.ts';
import type { ApiContext } from './resources/api-context.ts';
import { accessTokenOperations } from './resources/access-tokens.ts';
import { apiKeyOperations } from './resources/api-keys.ts';
import { certificateOperations } from './resources/certificates.ts';
import { applyOperation, compareOperation } from './resources/apply.ts';
import { auditOperation } from './resources/audit.ts';
import { driftOperations } from './resources/drift.ts';
import { exportOperation } from './resources/export.ts';
import { historyOperations } from './resources/history.ts';
import { jwtIssuerOperations } from './resources/jwt-issuers.ts';
import { planOperations } from './resources/plans.ts';
import { rollbackOperation } from './resources/rollback.ts';
import { routeOperations } from './resources/routes.ts';
import { bundleSchemaOperation } from './resources/schemas.ts';
import { sharedUpstreamOperations } from './resources/shared-upstreams.ts';
import { tenantOperations } from './resources/tenants.ts';
import { upstreamOperations } from './resources/upstreams.ts';

/** Options of {@link createApp}. */
export interface AppOptions {
  readonly clock: Clock;
  readonly adminToken: string;
  /** Checks JWTs of an OIDC issuer; default null: they are not taken. */
  readonly verifyJwt?: VerifyJwt | null;
  /** The first wall, default {@link authorise}; a test takes it down to look at the second one. */
  readonly authorise?: Authorise;
  readonly logger: FastifyBaseLogger;
  /** Hears of every request. */
  readonly observer?: RequestObserver;
  /** Requests per second and client address that are let in. Default 500. */
  readonly requestsPerSecondMax?: number;
  /** Requests per second and credential that are let in. Default 500. */
  readonly credentialRequestsPerSecondMax?: number;
  /** Whether a peer of this address says by X-Forwarded-For for whom it asks. Default: nobody does. */
  readonly isTrustedProxy?: (address: string) => boolean;
}

/** Largest body unless an operation says otherwise. */
const BODY_BYTES_MAX = 1024 * 1024;
/**
 * Bounds of a body of a credential for some tenants, for each MiB that a tenant's document may have: parsing it holds up all
 * others, for up to 0.2 s. A document of 1 MiB has at most 75,000 keys, and several tenants can be written one after the other.
 */
const SCOPED_BODY_BYTES_MAX = 4 * 1024 * 1024;
const SCOPED_BODY_KEYS_MAX = 100_000;
/** Paths that ids fit in: five segments, two of them ids of at most 63 characters. */
const PARAM_CHARS_MAX = 128;

/** Assembles the management API. The caller makes it listen and closes it. */
export async function createApp(
  context: ApiContext,
  extra: readonly Operation[],
  options: AppOptions,
): Promise<FastifyInstance> {
  const app = fastify({
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_BYTES_MAX,
    genReqId: () => crypto.randomUUID(),
    trustProxy: options.isTrustedProxy ?? false,
    requestTimeout: 120_000,
    connectionTimeout: 120_000,
    keepAliveTimeout: 65_000,
    routerOptions: { maxParamLength: PARAM_CHARS_MAX },
    return503OnClosing: true,
    // What the router refuses on its own comes to no hook and no handler.
    frameworkErrors: (error, request, reply) => void sendFailure(error, request, reply),
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id).header('cache-control', 'no-store');
  });
  if (options.observer !== undefined) observeRequests(app, options.observer);
  await app.register(rateLimit, {
    global: false, // its hooks of routes come after those of the app, and so after a 401
    max: options.requestsPerSecondMax ?? 500,
    timeWindow: 1000,
    cache: 10_000,
  });
  app.addHook('onRequest', app.rateLimit());
  const sessionOf = guardRoutes(app, {
    authenticate: createAuthenticate({
      clock: options.clock,
      adminToken: options.adminToken,
      findToken: (sha256) => context.store.findToken(sha256),
      verifyJwt: options.verifyJwt ?? null,
    }),
    authorise: options.authorise ?? authorise,
    countRequest: boundCredentials(app, options.credentialRequestsPerSecondMax ?? 500),
  });
  readJsonBodies(app, (request) => bodyBoundsOf(sessionOf(request), context));
  app.setErrorHandler(sendFailure);
  const operations = [
    ...planOperations(context),
    ...sharedUpstreamOperations(context),
    ...tenantOperations(context),
    ...upstreamOperations(context),
    ...jwtIssuerOperations(context),
    ...routeOperations(context),
    ...apiKeyOperations(context),
    ...certificateOperations(context),
    ...accessTokenOperations(context),
    applyOperation(context),
    compareOperation(context),
    ...driftOperations(context),
    ...historyOperations(context),
    rollbackOperation(context),
    auditOperation(context),
    exportOperation(context),
    bundleSchemaOperation(),
    ...extra,
  ];
  operations.push(openApiOperation(operations));
  answerUnknown(app, operations);
  for (const operation of operations) route(app, context, operation, sessionOf);
  return app;
}

/** Tells which methods a known path has. */
function answerUnknown(app: FastifyInstance, operations: readonly Operation[]): void {
  const allowedMethods = createAllowedMethods(operations.map(({ shape }) => shape));
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? '';
    const allowed = allowedMethods(path);
    const detail = `there is no ${request.method} ${path}`;
    if (allowed.length === 0) {
      return sendProblem(request, reply, createProblem('HG_API_NOT_FOUND', { detail }));
    }
    reply.header('allow', allowed.join(', '));
    return sendProblem(request, reply, createProblem('HG_API_METHOD_NOT_ALLOWED', { detail }));
  });
}

function bodyBoundsOf({ scope }: Session, { documentBytesMax }: ApiContext): BodyBounds | null {
  if (scope === 'all') return null;
  const documentsMax = Math.max(1, documentBytesMax() / BODY_BYTES_MAX);
  return {
    bytesMax: Math.ceil(documentsMax * SCOPED_BODY_BYTES_MAX),
    keysMax: Math.ceil(documentsMax * SCOPED_BODY_KEYS_MAX),
  };
}

function openApiOperation(operations: readonly Operation[]): Operation {
  let document: unknown = null;
  const operation = defineOperation(
    {
      method: 'GET',
      path: '/openapi.json',
      operationId: 'getOpenApi',
      summary: 'This description',
      tag: 'service',
      permission: 'public',
      params: NOTHING,
      query: NOTHING,
      body: null,
      responses: { 200: { description: 'An OpenAPI 3.1 document.', schema: z.looseObject({}) } },
      errors: [],
    },
    async () => ({ status: 200, body: (document ??= buildOpenApi([...operations])) }),
  );
  return operation;
}

function route(
  app: FastifyInstance,
  context: ApiContext,
  operation: Operation,
  sessionOf: (request: FastifyRequest) => Session,
): void {
  const { method, path, bodyBytesMax, operationId, permission, tag } = operation.shape;
  app.route({
    method,
    url: path.replaceAll(/\{(\w+)\}/g, ':$1'),
    config: { permission, operationId, tag },
    ...(bodyBytesMax === undefined ? {} : { bodyLimit: bodyBytesMax }),
    async handler(request, reply) {
      const { params, query, body, headers } = request;
      const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = headers;
      const session = sessionOf(request);
      const raw = { params, query, body, ifMatch, ifNoneMatch, session };
      const answer = await answerOnce(context, operation, raw, {
        ...{ method, target: request.url, authorization: headers.authorization },
        idempotencyKey: headers['idempotency-key'],
      });
      if (answer.status === 'problem') return sendProblem(request, reply, answer.problem);
      return reply
        .code(answer.status)
        .headers(answer.headers ?? {})
        .send(answer.body);
    },
  });
}
