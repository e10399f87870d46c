import { isDeepStrictEqual } from 'node:util';
import type { Bundle, Limit } from '@headgate/model';
import { isRecord } from './is-record.ts';
import { limitSpan } from './limit-span.ts';
import type { Change, FieldChange } from './replies.ts';

/** What becomes of one limit. `changed`: neither tighter nor looser in every respect. */
export interface LimitImpact {
  readonly effect: 'tightened' | 'loosened' | 'changed';
  /** `plan gold`, `tenant acme`, `route acme/web` or `API key acme/ci`. */
  readonly owner: string;
  readonly name: string;
  /** `100/1000ms`; null if there was none, or will be none. */
  readonly before: string | null;
  readonly after: string | null;
}

/** What applying a bundle means for tenants. */
export interface PlanImpact {
  /** Every tenant that is touched, by id; those on a changed plan or shared upstream are not among them. */
  readonly tenants: readonly string[];
  /** Plans that change, with all tenants on them. */
  readonly plans: readonly string[];
  /** Shared upstreams that change, for all routes to them. */
  readonly sharedUpstreams: readonly string[];
  readonly routes: { readonly create: number; readonly update: number; readonly delete: number };
  readonly limits: readonly LimitImpact[];
  /** Tenants that will answer 403, or no longer. */
  readonly suspended: readonly string[];
  readonly resumed: readonly string[];
  /** Keys, as `tenant/key`, that clients hold and that will be refused. */
  readonly keysRevoked: readonly string[];
  /**
   * Edges cut no open connection for a change, it ends with the revision it began with, but WebSockets whose tenant is
   * suspended or whose API key is gone. How many there are nobody counts.
   */
  readonly webSocketsCut: {
    /** All of these tenants. */
    readonly tenants: readonly string[];
    /** Those opened with these keys, as `tenant/key`, of other tenants. */
    readonly apiKeys: readonly string[];
  };
}

/**
 * Tells a plan in the terms of tenants.
 *
 * @param changes of a dry run, updates with their `diff`.
 * @param bundle what is to be applied, with defaults.
 */
export function describeImpact(changes: readonly Change[], bundle: Bundle): PlanImpact {
  const real = changes.filter(({ action }) => action !== 'unchanged');
  const routes = { create: 0, update: 0, delete: 0 };
  for (const { kind, action } of real) {
    if (kind === 'route' && action !== 'unchanged') routes[action] += 1;
  }
  const tenants = real.flatMap(
    ({ kind, id, tenantId }) => (kind === 'tenant' ? id : tenantId) ?? [],
  );
  const suspended = real.filter((change) => hasNewStatus(change, 'suspended')).map(idOf);
  const revoked = real.filter(isKeyRevoked);
  const cut = new Set(suspended);
  const cutByKey = revoked.filter(({ tenantId = '' }) => !cut.has(tenantId));
  return {
    tenants: [...new Set(tenants)].sort(),
    plans: updatedOf(real, 'plan'),
    sharedUpstreams: updatedOf(real, 'sharedUpstream'),
    routes,
    limits: real.flatMap((change) =>
      change.action === 'update' ? limitImpacts(change, bundle) : [],
    ),
    suspended,
    resumed: real.filter((change) => hasNewStatus(change, 'active')).map(idOf),
    keysRevoked: revoked.map(keyName),
    webSocketsCut: { tenants: suspended, apiKeys: cutByKey.map(keyName) },
  };
}

function updatedOf(changes: readonly Change[], wanted: Change['kind']): string[] {
  return changes.filter(({ kind, action }) => kind === wanted && action === 'update').map(idOf);
}

function keyName({ tenantId, id }: Change): string {
  return `${tenantId ?? ''}/${id}`;
}

function idOf({ id }: Change): string {
  return id;
}

function hasNewStatus({ kind, diff }: Change, status: string): boolean {
  if (kind !== 'tenant') return false;
  return diff?.some(({ path, after }) => path === 'status' && after === status) ?? false;
}

/** Another hash is another key: whoever holds the old one is refused. */
function isKeyRevoked({ kind, action, fields }: Change): boolean {
  if (kind !== 'apiKey') return false;
  return action === 'delete' || (action === 'update' && fields.includes('sha256'));
}

const LIMIT_LISTS = ['limits', 'keyLimits'] as const;

/** Limits are compared by name, as what they have counted goes by it; their order means nothing. */
function limitImpacts(change: Change, bundle: Bundle): LimitImpact[] {
  const owner = ownerOf(change);
  return LIMIT_LISTS.flatMap((list) => {
    const fields = (change.diff ?? []).filter(({ path }) => listOf(path) === list);
    if (fields.length === 0) return [];
    const after = new Map(limitsAfter(change, list, bundle).map((limit) => [limit.name, limit]));
    const before = new Map(
      limitsBefore([...after.values()], list, fields).map((limit) => [limit['name'], limit]),
    );
    const names = new Set([...before.keys(), ...after.keys()]);
    return Array.from(names, (name) =>
      compareLimit(owner, String(name), before.get(name) ?? null, after.get(String(name)) ?? null),
    ).filter((impact) => impact !== null);
  });
}

function listOf(path: string): string {
  return /^\w+/.exec(path)?.[0] ?? '';
}

/** Fields of a limit, of a release that may know others. */
type StoredLimit = Readonly<Record<string, unknown>>;

/**
 * The list as it was: that of the bundle, with the fields that differ put back.
 *
 * @param fields such as `limits[0].limit`, `limits[0].headroom.bulk`, or `limits[1]` for one that only one side has.
 */
function limitsBefore(
  after: readonly Limit[],
  list: string,
  fields: readonly FieldChange[],
): StoredLimit[] {
  let limits: Record<string, unknown>[] = after.map((limit) => ({ ...limit }));
  for (const { path, before } of fields) {
    const [place = '', ...names] = path.slice(list.length).split('.');
    const index = Number(place.slice(1, -1));
    if (place === '') limits = Array.isArray(before) ? before.filter(isRecord) : [];
    else if (names.length === 0) limits[index] = isRecord(before) ? before : {};
    else limits[index] = withValue(limits[index] ?? {}, names, before);
  }
  return limits.filter(({ name }) => name !== undefined);
}

function withValue(
  record: Readonly<Record<string, unknown>>,
  [name = '', ...inner]: readonly string[],
  value: unknown,
): Record<string, unknown> {
  const old = record[name];
  return {
    ...record,
    [name]: inner.length === 0 ? value : withValue(isRecord(old) ? old : {}, inner, value),
  };
}

/** Null if the limit stays as it is. */
function compareLimit(
  owner: string,
  name: string,
  before: StoredLimit | null,
  after: Limit | null,
): LimitImpact | null {
  const texts = { owner, name, before: textOf(before), after: textOf(after) };
  if (before !== null && after !== null) {
    const fields = fieldsThatDiffer(before, after);
    return fields.length === 0 ? null : { effect: effectOf(before, after, fields), ...texts };
  }
  // On a tenant or key it may override one of the plan, which may be tighter or looser.
  const isBase = owner.startsWith('plan ') || owner.startsWith('route ');
  const refuses = (after ?? before)?.['shadow'] !== true;
  if (!isBase || !refuses) return { effect: 'changed', ...texts };
  return { effect: after === null ? 'loosened' : 'tightened', ...texts };
}

function fieldsThatDiffer(before: StoredLimit, after: StoredLimit): string[] {
  const fields = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...fields].filter((field) => !isDeepStrictEqual(before[field], after[field]));
}

/** Only numbers of the same limit tell tighter from looser; another kind is another limit. */
function effectOf(
  old: StoredLimit,
  after: Limit,
  fields: readonly string[],
): LimitImpact['effect'] {
  if (fields.every((field) => field === 'shadow')) {
    return after.shadow === true ? 'loosened' : 'tightened';
  }
  if (fields.some((field) => !NUMBERS.includes(field))) return 'changed';
  const steps = [
    after.limit - Number(old['limit']),
    Number(old['windowMs'] ?? 0) - (after.windowMs ?? 0),
    (after.burst ?? after.limit) - Number(old['burst'] ?? old['limit']),
  ];
  if (steps.every((step) => step <= 0)) return 'tightened';
  return steps.every((step) => step >= 0) ? 'loosened' : 'changed';
}

const NUMBERS: readonly string[] = ['limit', 'windowMs', 'burst'];

function limitsAfter(
  { kind, id, tenantId = '' }: Change,
  list: (typeof LIMIT_LISTS)[number],
  { plans, tenants }: Bundle,
): readonly Limit[] {
  // Ids of the reply are those of the bundle.
  if (kind === 'plan') return find(plans, id)?.[list] ?? [];
  if (kind === 'tenant') return find(tenants, id)?.limits ?? [];
  const tenant = find(tenants, tenantId);
  const holder = kind === 'route' ? find(tenant?.routes, id) : find(tenant?.apiKeys, id);
  return holder?.limits ?? [];
}

function find<Value>(
  values: Readonly<Record<string, Value>> | undefined,
  id: string,
): Value | undefined {
  return values !== undefined && Object.hasOwn(values, id) ? values[id] : undefined;
}

function ownerOf({ kind, tenantId, id }: Change): string {
  if (kind === 'apiKey') return `API key ${tenantId ?? ''}/${id}`;
  return kind === 'route' ? `route ${tenantId ?? ''}/${id}` : `${kind} ${id}`;
}

function textOf(limit: StoredLimit | null): string | null {
  if (limit === null) return null;
  const span = limitSpan(limit, (windowMs) => `${String(windowMs)}ms`);
  return `${String(limit['limit'])}${span}${limit['shadow'] === true ? ' (shadow)' : ''}`;
}
