import type { ProblemFault } from '@headgate/errors';
import type { Change } from './change.ts';

/** Why a change was not made. Nothing was written. */
export type Refusal =
  | { readonly reason: 'not_found'; readonly detail: string }
  | { readonly reason: 'forbidden'; readonly faults: readonly ProblemFault[] }
  | { readonly reason: 'precondition_failed'; readonly detail: string }
  | { readonly reason: 'conflict'; readonly faults: readonly ProblemFault[] }
  | { readonly reason: 'invalid'; readonly faults: readonly ProblemFault[] };

/** A change that was made, or (dry run) would be made. */
export interface Committed {
  /** Highest revision that the change got; the newest that the author sees when nothing changed. */
  readonly revision: number;
  /** When it was made. */
  readonly at: Date;
  readonly changes: readonly Change[];
  /** Documents to be published: key and revision. Empty when nothing changed. */
  readonly documents: readonly { readonly key: string; readonly revision: number }[];
  /** Documents that the change named and did not alter, with their newest revisions. */
  readonly unaltered: readonly { readonly key: string; readonly revision: number }[];
  /** Newest revision of each document that the change named, before it; 0 where there was none. */
  readonly basis: ReadonlyMap<string, number>;
}

/** Result of a change. */
export type Outcome<Value> =
  { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly refusal: Refusal };

/** A successful outcome. */
export function accept<Value>(value: Value): Outcome<Value> {
  return { ok: true, value };
}

/** An outcome that changes nothing. */
export function refuse(refusal: Refusal): { readonly ok: false; readonly refusal: Refusal } {
  return { ok: false, refusal };
}
