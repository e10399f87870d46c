import type { Session } from '../access/session.ts';
import type { SuccessReply } from '../http/operation.ts';
import type { KeepWithin } from '../store/kept-replies.ts';

/** Keeps the reply in the transaction of the change, if the request has an Idempotency-Key; else undefined. */
export function keepWith<Value>(
  { replies }: Session,
  replyTo: (value: Value) => SuccessReply,
): KeepWithin<Value> | undefined {
  if (replies === undefined) return undefined;
  return (db, value) => replies.keep({ ...replyTo(value), awaited: [] }, db);
}
