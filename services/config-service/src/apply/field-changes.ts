import { isDeepStrictEqual } from 'node:util';
import { hideSecrets, isSecretName, HIDDEN } from './secrets.ts';
import { isRecord } from './is-record.ts';

/** One field that differs. Secrets are hidden: that they differ is told, not what they are. */
export interface FieldChange {
  /** Such as `routes.web.match.path.prefix` or `limits[0].limit`. */
  readonly path: string;
  /** Absent if the field was not there. */
  readonly before?: unknown;
  /** Absent if the field is not there any more. */
  readonly after?: unknown;
}

/**
 * Fields in which two values differ, in the order of their paths. Objects are compared key by key,
 * lists of objects item by item, other lists as a whole; what is only on one side is one change. A
 * null stands for nothing at all: every field of the other side is a change.
 */
export function fieldChanges(before: unknown, after: unknown): FieldChange[] {
  const changes: FieldChange[] = [];
  compare(before ?? {}, after ?? {}, '', changes);
  return changes;
}

function compare(before: unknown, after: unknown, path: string, changes: FieldChange[]): void {
  if (isRecord(before) && isRecord(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    for (const key of [...keys].sort()) {
      const inner = path === '' ? key : `${path}.${key}`;
      const [old, next] = [valueOf(before, key), valueOf(after, key)];
      if (isSecretName(key)) compareSecret(old, next, inner, changes);
      else compare(old, next, inner, changes);
    }
  } else if (isRecordList(before) && isRecordList(after)) {
    for (let index = 0; index < Math.max(before.length, after.length); index++) {
      compare(before[index], after[index], `${path}[${index}]`, changes);
    }
  } else if (!isDeepStrictEqual(before, after)) {
    changes.push(describe(path, hideSecrets(before), hideSecrets(after)));
  }
}

function compareSecret(before: unknown, after: unknown, path: string, changes: FieldChange[]) {
  if (isDeepStrictEqual(before, after)) return;
  const hide = (value: unknown) => (value === undefined ? undefined : HIDDEN);
  changes.push(describe(path, hide(before), hide(after)));
}

function describe(path: string, before: unknown, after: unknown): FieldChange {
  return {
    path,
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
  };
}

/** Own values only: `constructor` is a possible id. */
function valueOf(record: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function isRecordList(value: unknown): value is readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) && value.every(isRecord);
}
