import { createProblem, PROBLEM_MEDIA_TYPE, type ErrorCode, type Problem } from '@headgate/errors';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { IssuerUnavailableError } from '../access/oidc/issuer-keys.ts';
import { AccessRefusedError, StoreUnavailableError } from '../store/deadline.ts';
import type { Refusal } from '../store/outcome.ts';
import type { OperationReply } from './operation.ts';

/** Seconds after which a client may try again when the store, or the OIDC issuer, is away. */
const RETRY_AFTER_S = 2;
/** Faults shown in one reply; a bundle can hold millions. */
export const FAULTS_MAX = 1000;

/** A problem reply. */
export function problem(
  code: ErrorCode,
  members: Pick<Problem, 'detail' | 'errors'> = {},
): OperationReply {
  const { errors } = members;
  if (errors === undefined || errors.length <= FAULTS_MAX) {
    return { status: 'problem', problem: createProblem(code, members) };
  }
  const detail = `there are more than ${FAULTS_MAX} faults; the first ${FAULTS_MAX} are listed`;
  const shown = errors.slice(0, FAULTS_MAX);
  return { status: 'problem', problem: createProblem(code, { ...members, detail, errors: shown }) };
}

/** The reply to a change that was not made. */
export function problemOfRefusal(refusal: Refusal): OperationReply {
  switch (refusal.reason) {
    case 'not_found':
      return problem('HG_API_NOT_FOUND', { detail: refusal.detail });
    case 'forbidden':
      return problem('HG_API_FORBIDDEN', { errors: refusal.faults });
    case 'precondition_failed':
      return problem('HG_API_REVISION_MISMATCH', { detail: refusal.detail });
    case 'conflict':
      return problem('HG_API_CONFLICT', { errors: refusal.faults });
    case 'invalid':
      return problem('HG_API_INVALID', { errors: refusal.faults });
  }
}

/** Sends a problem with the request's id. */
export function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  body: Problem,
): FastifyReply {
  if (body.status === 401) reply.header('www-authenticate', 'Bearer realm="headgate"');
  return reply
    .code(body.status)
    .header('x-request-id', request.id)
    .type(PROBLEM_MEDIA_TYPE)
    .send({ ...body, requestId: request.id });
}

/** The one place where exceptions of requests become replies. */
export function sendFailure(
  error: FastifyError | StoreUnavailableError | AccessRefusedError | IssuerUnavailableError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (error instanceof StoreUnavailableError) {
    request.log.warn({ err: error, requestId: request.id }, 'store unavailable');
    reply.header('retry-after', RETRY_AFTER_S);
    const { message: detail } = error;
    return sendProblem(request, reply, createProblem('HG_API_STORE_UNAVAILABLE', { detail }));
  }
  if (error instanceof IssuerUnavailableError) {
    reply.header('retry-after', RETRY_AFTER_S);
    const { message: detail } = error;
    return sendProblem(request, reply, createProblem('HG_API_ISSUER_UNAVAILABLE', { detail }));
  }
  if (error instanceof AccessRefusedError) {
    request.log.error({ err: error, requestId: request.id }, 'refused by the database alone');
    return sendProblem(
      request,
      reply,
      createProblem('HG_API_FORBIDDEN', { detail: error.message }),
    );
  }
  const code = codeOf(error);
  if (code !== null) {
    return sendProblem(request, reply, createProblem(code, { detail: error.message }));
  }
  request.log.error({ err: error, requestId: request.id }, 'request failed');
  return sendProblem(request, reply, createProblem('HG_API_INTERNAL'));
}

/** What the framework found wrong with the request, or null for a bug of ours. */
function codeOf(error: FastifyError): ErrorCode | null {
  switch (error.statusCode) {
    case 413:
      return 'HG_API_TOO_LARGE';
    case 415:
      return 'HG_API_MEDIA_TYPE';
    case 429:
      return 'HG_API_RATE_LIMITED';
    default:
      return error.statusCode !== undefined && error.statusCode < 500 ? 'HG_API_MALFORMED' : null;
  }
}
