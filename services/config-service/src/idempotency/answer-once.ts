import type { z } from 'zod';
import type { Operation, OperationReply, RawRequest } from '../http/operation.ts';
import { problem, problemOfRefusal } from '../http/problems.ts';
import type { ApiContext } from '../resources/api-context.ts';
import { awaitConvergence, WriteQuery } from '../resources/write-options.ts';
import { REQUEST_DEADLINE_MS, StoreUnavailableError } from '../store/deadline.ts';
import type { ReplyClaim } from '../store/kept-replies.ts';
import { askerOf } from './asker.ts';
import type { KeptReply, ReplyKeeper } from './reply-keeper.ts';
import { fingerprintOf, IDEMPOTENCY_KEY_RULE, parseIdempotencyKey } from './idempotency-key.ts';
import { createSeal, NO_SEAL, type Seal } from './seal.ts';

/** What of a request is not for its operation. */
export interface RequestEnvelope {
  readonly method: string;
  /** With the query. */
  readonly target: string;
  /** The field `Idempotency-Key`. */
  readonly idempotencyKey: string | string[] | undefined;
  readonly authorization: string | undefined;
}

/** An operation may take further parameters, which are looked at when it is carried out. */
const CommonQuery = WriteQuery.strip();

/** Tells that a reply is a repetition. */
export const REPLAYED_HEADER = 'headgate-replayed';

/**
 * Answers a write once for each `Idempotency-Key`: its repetitions get the reply of the first one. The reply is kept in the
 * transaction of the change, so there is never one without the other. Requests that were refused are not kept: they changed
 * nothing, and may be repeated. Reads and dry runs have nothing to repeat.
 */
export async function answerOnce(
  context: ApiContext,
  operation: Operation,
  raw: RawRequest,
  envelope: RequestEnvelope,
): Promise<OperationReply> {
  const { method, target, idempotencyKey: field } = envelope;
  const query = CommonQuery.safeParse(raw.query);
  const isRead = method === 'GET' || operation.shape.isRead === true;
  if (field === undefined || isRead || query.data?.dryRun === true) {
    return operation.handle(raw);
  }
  const key = typeof field === 'string' ? parseIdempotencyKey(field) : null;
  if (key === null) return problem('HG_API_MALFORMED', { detail: IDEMPOTENCY_KEY_RULE });
  const { ifMatch, ifNoneMatch, body } = raw;
  const fingerprint = fingerprintOf({ method, target, ifMatch, ifNoneMatch, body });
  const request = { asker: askerOf(raw.session), key, fingerprint };
  const { changeMsMax = REQUEST_DEADLINE_MS, isSecret = false } = operation.shape;
  const claiming = await context.store.replies.claim(request, changeMsMax);
  const seal = isSecret ? createSeal(envelope.authorization ?? '', key) : NO_SEAL;
  switch (claiming.outcome) {
    case 'claimed':
      return answerClaimed(operation, raw, claiming.claim, seal);
    case 'kept':
      return replay(context, seal.open(claiming.reply), query.data ?? null);
    case 'busy':
      return problem('HG_API_REQUEST_UNDER_WAY', { detail: `Idempotency-Key: ${key}` });
    case 'mismatch':
      return problem('HG_API_KEY_REUSED', { detail: `Idempotency-Key: ${key}` });
  }
}

async function answerClaimed(
  operation: Operation,
  raw: RawRequest,
  claim: ReplyClaim,
  seal: Seal,
): Promise<OperationReply> {
  const replies = createReplyKeeper(claim, seal);
  const session = { ...raw.session, replies };
  try {
    const reply = await operation.handle({ ...raw, session });
    if (reply.status === 'problem' || reply.status === 304) {
      await release(claim);
      return reply;
    }
    const refusal = replies.used ? null : await replies.keep({ ...reply, awaited: [] });
    return refusal === null ? reply : problemOfRefusal(refusal);
  } catch (error) {
    await release(claim);
    throw error;
  }
}

/** While the database is away the claim lapses by itself. */
async function release(claim: ReplyClaim): Promise<void> {
  await claim.release().catch((error: unknown) => {
    if (!(error instanceof StoreUnavailableError)) throw error;
  });
}

function createReplyKeeper(
  claim: ReplyClaim,
  seal: Seal,
): ReplyKeeper & { readonly used: boolean } {
  let used = false;
  return {
    get used() {
      return used;
    },
    keep(reply, within) {
      used = true;
      return claim.keep(seal.seal(JSON.stringify(reply)), within);
    },
  };
}

async function replay(
  context: ApiContext,
  text: string | null,
  query: z.output<typeof WriteQuery> | null,
): Promise<OperationReply> {
  if (text === null) {
    const rule =
      'the reply holds a secret and can be read with the very credential only that it was made for; delete what was created, and create it again';
    return problem('HG_API_CONFLICT', { errors: [{ path: '', rule }] });
  }
  const { awaited, ...kept } = JSON.parse(text) as KeptReply; // only a keeper wrote it
  const reply = { ...kept, headers: { ...kept.headers, [REPLAYED_HEADER]: 'true' } };
  if (query === null) return reply;
  return awaitConvergence(context, reply, { written: [], unaltered: awaited }, query);
}
