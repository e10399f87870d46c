import { z } from 'zod';
import { queryInteger } from '../http/query-integer.ts';
import type { Committed } from '../store/outcome.ts';
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

/** What a write tells beside the resource itself. */
export interface WriteResult {
  readonly headers: Readonly<Record<string, string>>;
  /** `converged`, if it was asked for. */
  readonly members: { readonly converged?: boolean };
}

/** Wakes the publisher and waits for convergence if that was asked for. */
export async function finishWrite(
  context: ApiContext,
  committed: Committed,
  query: z.output<typeof WriteQuery>,
): Promise<WriteResult> {
  if (committed.documents.length > 0) context.onCommitted();
  const headers = { 'headgate-revision': String(committed.revision) };
  if (query.wait === undefined) return { headers, members: {} };
  const unaltered = await context.store.markSettled(committed.unaltered);
  const awaited = [...committed.documents, ...unaltered];
  const converged = await context.convergence.wait(awaited, query.timeout);
  return {
    headers: { ...headers, 'headgate-converged': String(converged) },
    members: { converged },
  };
}
