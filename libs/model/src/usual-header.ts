import { DOCUMENT_VERSION, type DocumentHeader } from './document.ts';
import { HOSTS_MAX, ID_PATTERN, isHostPattern } from './primitives.ts';

const SHA256_PATTERN = /^[0-9a-f]{64}$/;
const HEADER_FIELDS = 7;
const IDENTITY_FIELDS = 3;

/**
 * The header of a tenant that is recognised by hosts only, as nearly all are: exactly what the schema of headers makes of it,
 * in a tenth of the time, which counts where 100,000 come at once. Null for all other headers, good or bad: ask the schema.
 *
 * @param value from `JSON.parse`.
 */
export function usualHeader(value: unknown): DocumentHeader | null {
  if (!isPlainRecord(value) || fieldCount(value) !== HEADER_FIELDS) return null;
  const { v, kind, id, revision, deleted, sha256, identity } = value;
  const isUsual =
    v === DOCUMENT_VERSION &&
    kind === 'tenant' &&
    typeof id === 'string' &&
    ID_PATTERN.test(id) &&
    typeof revision === 'number' &&
    Number.isSafeInteger(revision) &&
    revision >= 0 &&
    !Object.is(revision, -0) &&
    typeof deleted === 'boolean' &&
    typeof sha256 === 'string' &&
    SHA256_PATTERN.test(sha256) &&
    isUsualIdentity(identity);
  return isUsual ? (value as DocumentHeader) : null; // each of its fields has just been looked at
}

function isUsualIdentity(value: unknown): boolean {
  if (!isPlainRecord(value) || fieldCount(value) !== IDENTITY_FIELDS) return false;
  const { hosts, pathPrefixes, headerValues } = value;
  return (
    isEmptyArray(pathPrefixes) &&
    isEmptyArray(headerValues) &&
    Array.isArray(hosts) &&
    hosts.length <= HOSTS_MAX &&
    hosts.every((host) => typeof host === 'string' && isHostPattern(host))
  );
}

function isEmptyArray(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function isPlainRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Own fields, as values of `JSON.parse` inherit none that can be listed. */
function fieldCount(value: object): number {
  let count = 0;
  for (const _field in value) count += 1;
  return count;
}
