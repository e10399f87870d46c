/** What stands in place of a secret. */
export const REDACTED = '[redacted]';

const SECRET_KEY =
  /^(?:.*[-_])?(?:authorization|api-?key|cookie|token|password|passwd|secret|credentials?|private-?key|key)$/i;
const CAMEL_BOUNDARY = /([a-z0-9])([A-Z])/g;
const DEPTH_MAX = 6;

/**
 * Whether a field of this name holds a secret: `authorization`, `x-api-key`, `set-cookie`,
 * `adminToken`, `HEADGATE_ADMIN_TOKEN`, `password`, `key` … Ids of keys (`apiKeyId`) are not secret.
 */
export function isSecretKey(name: string): boolean {
  return SECRET_KEY.test(name.replace(CAMEL_BOUNDARY, '$1-$2'));
}

/**
 * A copy of `fields` in which the values of secret keys, at any depth up to 6, are replaced.
 * Deeper parts are cut. Class instances (such as errors) stay as they are.
 */
export function redactFields(fields: Record<string, unknown>): Record<string, unknown> {
  return redactObject(fields, 0);
}

function redactObject(fields: Record<string, unknown>, depth: number): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) {
    copy[key] =
      isSecretKey(key) && value !== null && value !== undefined
        ? REDACTED
        : redactValue(value, depth + 1);
  }
  return copy;
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    if (depth >= DEPTH_MAX) return '[cut]';
    return value.map((item) => redactValue(item, depth + 1));
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  if (depth >= DEPTH_MAX) return '[cut]';
  return redactObject(value as Record<string, unknown>, depth); // a plain object, checked above
}

const URL_PASSWORD = /(:\/\/[^\s"/@:\\]*):[^\s"/@\\]+@/g;
const BEARER = /\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi;
const API_KEY = /\bhgk_[A-Za-z0-9_-]{16,}/g;

/**
 * Removes secrets that ended up inside text, such as an error message: the password of a URL, a
 * bearer or basic credential, a Headgate API key. Works on a whole JSON line and keeps it valid.
 */
export function redactText(text: string): string {
  return text
    .replace(URL_PASSWORD, `$1:${REDACTED}@`)
    .replace(BEARER, `$1 ${REDACTED}`)
    .replace(API_KEY, `hgk_${REDACTED}`);
}
