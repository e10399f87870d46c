import type { Bundle, Limit } from '@headgate/model';
import { limitSpan } from './limit-span.ts';
import type { Change, FieldChange } from './replies.ts';

/** What becomes of one limit. `changed`: neither tighter nor looser in every respect. */
export interface LimitImpact {
  readonly effect: 'tightened' | 'loosened' | 'changed';
  /** `plan gold`, `tenant acme`, `route acme/web` or `API key acme/ci`. */
  readonly owner: string;
  /** Name of the limit, or where it stood in its list if it is gone. */
  readonly name: string;
  /** `100/1000ms`; null if there was none, or will be none. */
  readonly before: string | null;
  readonly after: string | null;
}

/** What applying a bundle means for tenants. */
export interface PlanImpact {
  /** Every tenant that is touched, by id; those on a changed plan are not among them. */
  readonly tenants: readonly string[];
  /** Plans that change, with all tenants on them. */
  readonly plans: readonly string[];
  readonly routes: { readonly create: number; readonly update: number; readonly delete: number };
  readonly limits: readonly LimitImpact[];
  /** Tenants that will answer 403, or no longer. */
  readonly suspended: readonly string[];
  readonly resumed: readonly string[];
  /** Keys, as `tenant/key`, that clients hold and that will be refused. */
  readonly keysRevoked: readonly string[];
  /**
   * Edges cut no open connection for a change, they end with the revision they began with; but for WebSockets whose tenant
   * or API key is gone, which nobody counts.
   */
  readonly connectionsDropped: 0;
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
  return {
    tenants: [...new Set(tenants)].sort(),
    plans: real.filter(({ kind, action }) => kind === 'plan' && action === 'update').map(idOf),
    routes,
    limits: real.flatMap((change) =>
      change.action === 'update' ? limitImpacts(change, bundle) : [],
    ),
    suspended: real.filter((change) => hasNewStatus(change, 'suspended')).map(idOf),
    resumed: real.filter((change) => hasNewStatus(change, 'active')).map(idOf),
    keysRevoked: real.filter(isKeyRevoked).map((key) => `${key.tenantId ?? ''}/${key.id}`),
    connectionsDropped: 0,
  };
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

const LIMIT_PATH = /^(limits|keyLimits)\[(\d+)\](?:\.(\w+))?$/;

function limitImpacts(change: Change, bundle: Bundle): LimitImpact[] {
  const byPlace = new Map<string, FieldChange[]>();
  for (const field of change.diff ?? []) {
    const match = LIMIT_PATH.exec(field.path);
    if (match === null) continue;
    const place = `${match[1] ?? ''}[${match[2] ?? ''}]`;
    byPlace.set(place, [...(byPlace.get(place) ?? []), field]);
  }
  return Array.from(byPlace, ([place, fields]) =>
    compareLimit(ownerOf(change), place, fields, limitAt(change, place, bundle)),
  );
}

function compareLimit(
  owner: string,
  place: string,
  fields: readonly FieldChange[],
  after: Limit | undefined,
): LimitImpact {
  const whole = fields.find(({ path }) => path === place);
  // On a tenant or key it may override one of the plan, which may be tighter or looser.
  const isBase = owner.startsWith('plan ') || owner.startsWith('route ');
  if (after === undefined || (whole !== undefined && whole.after === undefined)) {
    const effect = isBase ? 'loosened' : 'changed';
    const [name, before] = [nameOf(whole?.before, place), textOf(whole?.before)];
    return { effect, owner, name, before, after: null };
  }
  const { name } = after;
  const now = textOf(after);
  if (whole !== undefined) {
    return {
      effect: isBase && after.shadow !== true ? 'tightened' : 'changed',
      owner,
      name,
      before: null,
      after: now,
    };
  }
  const old: Record<string, unknown> = { ...after };
  for (const { path, before } of fields) old[path.slice(place.length + 1)] = before;
  return { effect: effectOf(old, after, fields), owner, name, before: textOf(old), after: now };
}

/** Only numbers of the same limit tell tighter from looser; another name or kind is another limit. */
function effectOf(
  old: Readonly<Record<string, unknown>>,
  after: Limit,
  fields: readonly FieldChange[],
): LimitImpact['effect'] {
  if (fields.every(({ path }) => path.endsWith('.shadow'))) {
    return after.shadow === true ? 'loosened' : 'tightened';
  }
  if (fields.some(({ path }) => !/\.(limit|windowMs|burst)$/.test(path))) return 'changed';
  const steps = [
    after.limit - Number(old['limit']),
    Number(old['windowMs'] ?? 0) - (after.windowMs ?? 0),
    (after.burst ?? after.limit) - Number(old['burst'] ?? old['limit']),
  ];
  if (steps.every((step) => step <= 0)) return 'tightened';
  return steps.every((step) => step >= 0) ? 'loosened' : 'changed';
}

function limitAt(change: Change, place: string, bundle: Bundle): Limit | undefined {
  const index = Number(/\d+/.exec(place)?.[0]);
  // Ids of the reply are those of the bundle.
  const plans: Readonly<Record<string, Bundle['plans'][keyof Bundle['plans']]>> = bundle.plans;
  const tenants: Readonly<Record<string, Bundle['tenants'][keyof Bundle['tenants']]>> =
    bundle.tenants;
  if (change.kind === 'plan') {
    const plan = plans[change.id];
    return (place.startsWith('key') ? plan?.keyLimits : plan?.limits)?.[index];
  }
  if (change.kind === 'tenant') return tenants[change.id]?.limits[index];
  const tenant = tenants[change.tenantId ?? ''];
  const holders: Readonly<Record<string, { readonly limits: readonly Limit[] }>> =
    (change.kind === 'route' ? tenant?.routes : tenant?.apiKeys) ?? {};
  return holders[change.id]?.limits[index];
}

function ownerOf({ kind, tenantId, id }: Change): string {
  if (kind === 'apiKey') return `API key ${tenantId ?? ''}/${id}`;
  return kind === 'route' ? `route ${tenantId ?? ''}/${id}` : `${kind} ${id}`;
}

function textOf(limit: unknown): string | null {
  if (typeof limit !== 'object' || limit === null) return null;
  const fields: Readonly<Record<string, unknown>> = { ...limit };
  const span = limitSpan(fields, (windowMs) => `${String(windowMs)}ms`);
  return `${String(fields['limit'])}${span}${fields['shadow'] === true ? ' (shadow)' : ''}`;
}

function nameOf(limit: unknown, place: string): string {
  const named = typeof limit === 'object' && limit !== null && 'name' in limit ? limit.name : null;
  return typeof named === 'string' ? named : place;
}
