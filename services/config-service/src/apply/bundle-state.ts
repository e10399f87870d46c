import { hash } from 'node:crypto';
import type { Preconditions } from '../http/etag.ts';
import type { Refusal } from '../store/outcome.ts';

/** Stands for the newest revisions of documents: another one of any of them is another state. */
export function stateOf(basis: ReadonlyMap<string, number>): string {
  const lines = Array.from(basis, ([key, revision]) => `${key} ${revision}`).sort();
  // 128 bits: states are compared with those of the moment, nobody has time to look for a twin.
  return hash('sha256', lines.join('\n'), 'base64url').slice(0, 22);
}

/** Why `If-Match` does not hold for documents at these revisions, or null if it does or is absent. */
export function failedStateCondition(
  { ifMatch }: Preconditions,
  basis: ReadonlyMap<string, number>,
): Refusal | null {
  if (ifMatch === null || ifMatch.any) return null;
  const state = stateOf(basis);
  if (ifMatch.tags.some(({ weak, opaque }) => !weak && opaque === state)) return null;
  const detail = 'If-Match: what the bundle names has changed since the dry run; compare it again';
  return { reason: 'precondition_failed', detail };
}
