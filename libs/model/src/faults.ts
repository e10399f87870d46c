import type { z } from 'zod';

/** One fault of an input: where, what was found, and the rule. The shape of `errors` in a problem reply. */
export interface Fault {
  readonly path: string;
  readonly value?: unknown;
  readonly rule: string;
}

const VALUE_CHARS_MAX = 80;
/** Shown in place of a private key, wherever it was written by mistake. */
const HIDDEN = '(hidden)';
const SECRET = /PRIVATE KEY/;
const MISSING = /^Invalid input: (expected .+), received undefined$/;

/**
 * Turns a zod error into faults with path, value and rule.
 *
 * @param input what was parsed, to show the offending values.
 * @param prefix put before each path, such as `routes.web`.
 */
export function describeFaults(error: z.ZodError, input: unknown, prefix = ''): Fault[] {
  return error.issues.flatMap((issue) => describeIssue(issue, input, prefix));
}

function describeIssue(issue: z.core.$ZodIssue, input: unknown, prefix: string): Fault[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: formatPath([...issue.path, key], prefix),
      rule: 'unknown key; remove it or check its spelling',
    }));
  }
  const path = formatPath(issue.path, prefix);
  if (issue.code === 'invalid_key') {
    return [{ path, rule: issue.issues.map((inner) => inner.message).join('; ') }];
  }
  if (issue.code === 'invalid_union') {
    const meant = issue.errors.filter((inner) => isMeant(inner, valueAt(input, issue.path)));
    if (meant.length === 1) {
      return (meant[0] ?? []).flatMap((inner) =>
        describeIssue({ ...inner, path: [...issue.path, ...inner.path] }, input, prefix),
      );
    }
  }
  const isSecret = issue.path.at(-1) === 'privateKey';
  const value = isSecret ? undefined : shorten(valueAt(input, issue.path));
  const rule = issue.message.replace(MISSING, 'missing; $1');
  return [value === undefined ? { path, rule } : { path, value, rule }];
}

/** Whether one alternative of several has the shape of a value: its faults are inside, and nothing is missing or too much. */
function isMeant(issues: readonly z.core.$ZodIssue[], value: unknown): boolean {
  return issues.every(
    ({ code, path }) =>
      path.length > 0 && code !== 'unrecognized_keys' && valueAt(value, path) !== undefined,
  );
}

function formatPath(path: readonly PropertyKey[], prefix: string): string {
  let text = prefix;
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += text === '' ? String(part) : `.${String(part)}`;
  }
  return text;
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part))
      return undefined;
    value = (value as Record<PropertyKey, unknown>)[part]; // proven an object with that key above
  }
  return value;
}

function hidePrivateKey(key: string, value: unknown): unknown {
  return key === 'privateKey' ? HIDDEN : value;
}

function shorten(value: unknown): unknown {
  if (value === undefined || typeof value === 'number' || typeof value === 'boolean') return value;
  const text = typeof value === 'string' ? value : JSON.stringify(value, hidePrivateKey);
  if (SECRET.test(text)) return HIDDEN;
  return text.length > VALUE_CHARS_MAX ? `${text.slice(0, VALUE_CHARS_MAX)}…` : text;
}
