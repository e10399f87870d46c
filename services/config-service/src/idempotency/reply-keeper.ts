import type { Kysely } from 'kysely';
import type { SuccessReply } from '../http/operation.ts';
import type { Refusal } from '../store/outcome.ts';
import type { Tables } from '../store/tables.ts';

/** A successful reply as it is kept for repetitions, before any wait for convergence. */
export interface KeptReply extends SuccessReply {
  /** Documents that a repetition which asks for convergence waits for. */
  readonly awaited: readonly { readonly key: string; readonly revision: number }[];
}

/** Keeps the reply to a request with an Idempotency-Key. */
export interface ReplyKeeper {
  /**
   * Keeps the reply. Null if it is kept; with a refusal the change must not be made.
   *
   * @param within the transaction of the change; without one the reply is kept at once.
   */
  keep(reply: KeptReply, within?: Kysely<Tables>): Promise<Refusal | null>;
}
