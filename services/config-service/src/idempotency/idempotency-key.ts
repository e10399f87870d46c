import { hash } from 'node:crypto';

/** As a Structured Field string, or bare as many clients send it; the same key either way. */
const KEY = /^(?:"([ !#-[\]-~]{1,255})"|([\w.:+/=-]{1,255}))$/;

/** What parseIdempotencyKey takes, for messages. */
export const IDEMPOTENCY_KEY_RULE =
  'Idempotency-Key must be 1 to 255 printable ASCII characters, such as a UUID, in double quotes';

/** Reads the field `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header, section 2.1); null if it is no key. */
export function parseIdempotencyKey(field: string): string | null {
  const match = KEY.exec(field.trim());
  return match?.[1] ?? match?.[2] ?? null;
}

/** What makes a request another one. */
export interface RequestContent {
  readonly method: string;
  /** With the query. */
  readonly target: string;
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
  /** Parsed. */
  readonly body: unknown;
}

/** Fingerprint of a request, SHA-256 in hex; repetitions have the same. */
export function fingerprintOf(request: RequestContent): string {
  const { method, target, ifMatch = null, ifNoneMatch = null, body = null } = request;
  const text = JSON.stringify([method, target, ifMatch, ifNoneMatch, body]);
  return hash('sha256', text);
}
