import type { ErrorCode, Problem, ProblemFault } from '@headgate/errors';
import { describeFaults } from '@headgate/model';
import { z } from 'zod';
import type { PermissionName } from '../access/permissions.ts';
import type { Session } from '../access/session.ts';
import { accept, refuse, type Outcome } from '../store/outcome.ts';
import { parseEtagCondition, type Preconditions } from './etag.ts';
import { problem, problemOfRefusal } from './problems.ts';

/** A reply of a handler that did what was asked. */
export interface SuccessReply {
  readonly status: 200 | 201 | 204;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** What a handler answers. */
export type OperationReply =
  | SuccessReply
  | {
      readonly status: 304;
      readonly headers: Readonly<Record<string, string>>;
      readonly body?: never;
    }
  | { readonly status: 'problem'; readonly problem: Problem };

/** A successful reply, for the OpenAPI document. */
export interface ResponseShape {
  readonly description: string;
  readonly schema?: z.ZodType;
  readonly example?: unknown;
  /** Names of headers with what they hold. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** An operation as the OpenAPI document tells it. Everything that the handler accepts stands here. */
export interface OperationShape<
  Params extends z.ZodObject,
  Query extends z.ZodObject,
  Body extends z.ZodType,
> {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** With parameters in braces: `/v1/tenants/{tenantId}`. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tag: string;
  readonly params: Params;
  readonly query: Query;
  /** Null if the operation takes no body. */
  readonly body: Body | null;
  readonly bodyExample?: unknown;
  /** Reads the body as its schema does, but more cheaply: for large ones. */
  readonly readBody?: (raw: unknown, session: Session) => Promise<Outcome<z.output<Body>>>;
  /** Largest body; default 1 MiB. */
  readonly bodyBytesMax?: number;
  /** Whether `If-Match` and `If-None-Match` are heard; `state`: the former, with what a dry run answered. */
  readonly conditional?: boolean | 'state';
  /** Longest time that the change of a write takes in ms; default 1,800. */
  readonly changeMsMax?: number;
  /** Whether a POST only reads: there is nothing to repeat, so no `Idempotency-Key` is heard. */
  readonly isRead?: boolean;
  /** Whether the reply holds a secret, which nothing must keep in clear. */
  readonly isSecret?: boolean;
  /** What a principal needs to call it; `public` works without a token. */
  readonly permission: PermissionName;
  readonly responses: Readonly<Record<number, ResponseShape>>;
  /** Codes beside those that every operation has. */
  readonly errors: readonly ErrorCode[];
}

/** What a handler gets: everything parsed. */
export interface OperationRequest<
  Params extends z.ZodObject,
  Query extends z.ZodObject,
  Body extends z.ZodType,
> {
  readonly params: z.output<Params>;
  readonly query: z.output<Query>;
  readonly body: z.output<Body>;
  readonly preconditions: Preconditions;
  readonly session: Session;
}

/** A request before it is parsed. */
export interface RawRequest {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
  readonly session: Session;
}

/** An operation, ready to be routed. */
export interface Operation {
  readonly shape: OperationShape<z.ZodObject, z.ZodObject, z.ZodType>;
  handle(raw: RawRequest): Promise<OperationReply>;
}

/** No parameters. */
export const NOTHING = z.strictObject({});

/** Joins the shape of an operation and its handler: the handler gets what the shape lets pass. */
export function defineOperation<
  Params extends z.ZodObject,
  Query extends z.ZodObject,
  Body extends z.ZodType,
>(
  shape: OperationShape<Params, Query, Body>,
  handle: (request: OperationRequest<Params, Query, Body>) => Promise<OperationReply>,
): Operation {
  return {
    shape,
    async handle(raw) {
      const preconditions = parsePreconditions(raw, (shape.conditional ?? false) !== false);
      if (preconditions === null) {
        const detail = 'If-Match and If-None-Match must be * or entity tags such as "12"';
        return problem('HG_API_MALFORMED', { detail });
      }
      const params = shape.params.safeParse(raw.params);
      const query = shape.query.safeParse(raw.query);
      const body = await readBody(shape, raw);
      const refusal = body.ok ? null : body.refusal;
      if (refusal !== null && refusal.reason !== 'invalid') return problemOfRefusal(refusal);
      if (!params.success || !query.success || !body.ok) {
        const errors: ProblemFault[] = [
          ...(params.success ? [] : describeFaults(params.error, raw.params, 'parameters')),
          ...(query.success ? [] : describeFaults(query.error, raw.query, 'query')),
          ...(refusal?.faults ?? []),
        ];
        return problem('HG_API_INVALID', { errors });
      }
      return handle({
        params: params.data,
        query: query.data,
        body: body.value,
        preconditions,
        session: raw.session,
      });
    },
  };
}

async function readBody<Body extends z.ZodType>(
  shape: Pick<OperationShape<z.ZodObject, z.ZodObject, Body>, 'body' | 'readBody'>,
  { body: raw, session }: RawRequest,
): Promise<Outcome<z.output<Body>>> {
  if (shape.readBody !== undefined) return shape.readBody(raw, session);
  const body = (shape.body ?? z.unknown()).safeParse(raw);
  if (body.success) return accept(body.data as z.output<Body>); // parsed with it, if there is one
  return refuse({ reason: 'invalid', faults: describeFaults(body.error, raw) });
}

function parsePreconditions(raw: RawRequest, heard: boolean): Preconditions | null {
  if (!heard) return { ifMatch: null, ifNoneMatch: null };
  const ifMatch = raw.ifMatch === undefined ? null : parseEtagCondition(raw.ifMatch);
  const ifNoneMatch = raw.ifNoneMatch === undefined ? null : parseEtagCondition(raw.ifNoneMatch);
  if (raw.ifMatch !== undefined && ifMatch === null) return null;
  if (raw.ifNoneMatch !== undefined && ifNoneMatch === null) return null;
  return { ifMatch, ifNoneMatch };
}
