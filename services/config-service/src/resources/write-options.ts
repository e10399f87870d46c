import { z } from 'zod';
import { queryInteger } from '../http/query-integer.ts';
import type { Kysely } from 'kysely';
import type { Session } from '../access/session.ts';
import type { OperationReply, SuccessReply } from '../http/operation.ts';
import { problemOfRefusal } from '../http/problems.ts';
import type { StoreChangeOptions } from '../store/change-transaction.ts';
import type { Edits } from '../store/commit.ts';
import type { Committed } from '../store/outcome.ts';
import type { Tables } from '../store/tables.ts';
import type { ApiContext } from './api-context.ts';

/** Query parameters of every write. */
export const WriteQuery = z.strictObject({
  wait: z
    .literal('converged')
    .optional()
    .describe('Answer only when every live edge has the change, or after the timeout.'),
  timeout: queryInteger(0, 60_000)
    .default(10_000)
    .describe('Longest wait for convergence in ms, 0 to 60,000; default 10,000.'),
  dryRun: z
    .stringbool()
    .default(false)
    .describe('Check and compare only: nothing is written, the reply tells what would change.'),
});

/** Headers of every reply to a write. */
export const WRITE_HEADERS = {
  'headgate-revision': 'Revision of the change.',
  'headgate-converged': 'With `wait=converged`: whether every live edge has the change.',
} as const;

/** A write, as far as operations differ. */
export interface Write {
  readonly edits: Edits;
  readonly options: Omit<StoreChangeOptions, 'dryRun' | 'documentBytesMax' | 'keep'>;
  /** What is answered; of the outcome alone, as it is kept before the commit. */
  readonly replyTo: (committed: Committed) => SuccessReply;
}

/** Makes a change and answers it: the change, a refusal, or (dry run) what would change. */
export async function answerWrite(
  context: ApiContext,
  session: Session,
  query: z.output<typeof WriteQuery>,
  { edits, options, replyTo }: Write,
): Promise<OperationReply> {
  const { dryRun } = query;
  const { replies } = session;
  const complete = (committed: Committed): SuccessReply => {
    const reply = replyTo(committed);
    const headers = { ...reply.headers, 'headgate-revision': String(committed.revision) };
    return { ...reply, headers };
  };
  const keep = async (db: Kysely<Tables>, committed: Committed) => {
    const awaited = [...committed.documents, ...committed.unaltered];
    return (await replies?.keep({ ...complete(committed), awaited }, db)) ?? null;
  };
  const outcome = await context.store.as(session).change(edits, {
    ...options,
    dryRun,
    documentBytesMax: context.documentBytesMax(),
    ...(replies === undefined ? {} : { keep }),
  });
  if (!outcome.ok) return problemOfRefusal(outcome.refusal);
  if (dryRun) return replyTo(outcome.value);
  const { documents: written, unaltered } = outcome.value;
  if (written.length > 0) context.onCommitted();
  return awaitConvergence(context, complete(outcome.value), { written, unaltered }, query);
}

/** Documents that a write is about. */
interface WriteDocuments {
  readonly written: Committed['documents'];
  /** Written at an earlier time: edges may have said so before this replica listened. */
  readonly unaltered: Committed['unaltered'];
}

/** Adds to the reply, if that was asked for, whether all live edges got the documents in time. */
export async function awaitConvergence(
  { store, convergence }: ApiContext,
  reply: SuccessReply,
  { written, unaltered }: WriteDocuments,
  { wait, timeout }: z.output<typeof WriteQuery>,
): Promise<OperationReply> {
  if (wait === undefined) return reply;
  const awaited = [...written, ...(await store.markSettled(unaltered))];
  const converged = await convergence.wait(awaited, timeout);
  const headers = { ...reply.headers, 'headgate-converged': String(converged) };
  if (typeof reply.body !== 'object') return { ...reply, headers };
  return { ...reply, headers, body: { ...reply.body, converged } };
}
