import { isDeepStrictEqual } from 'node:util';
import { isRecord } from './is-record.ts';

/**
 * Paths at which two values differ, such as `match.path.prefix`. Objects are compared key by key; a
 * list that differs is named as a whole. Sorted.
 */
export function changedPaths(before: unknown, after: unknown, path = ''): string[] {
  if (!isRecord(before) || !isRecord(after)) {
    return isDeepStrictEqual(before, after) ? [] : [path];
  }
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].sort().flatMap((key) => {
    const inner = path === '' ? key : `${path}.${key}`;
    return changedPaths(before[key], after[key], inner);
  });
}
