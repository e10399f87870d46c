import type { Bundle } from '@headgate/model';
import type { Change } from './replies.ts';

/** What becomes of what is there already and differs: nothing is imported, it stays, or it is overwritten. */
export const CONFLICT_MODES = ['fail', 'skip', 'replace'] as const;
/** One of {@link CONFLICT_MODES}. */
export type ConflictMode = (typeof CONFLICT_MODES)[number];

/** A tenant with all that belongs to it, as an export has it; another version may have written it. */
export type StoredTenant = Readonly<Record<string, unknown>>;

const SECTIONS = ['upstreams', 'jwtIssuers', 'routes', 'apiKeys', 'certificates'];

/**
 * A bundle that deletes nothing when it is applied: what is there and is not in the bundle stays, and with `skip` so
 * does what differs.
 *
 * @param changes what applying the bundle as it is would change.
 * @param current the tenants of {@link tenantsToMerge}.
 */
export function mergeBundle(
  bundle: Bundle,
  changes: readonly Change[],
  current: ReadonlyMap<string, StoredTenant>,
  mode: ConflictMode,
): object {
  const wanted = (kind: Change['kind'], entries: Readonly<Record<string, unknown>>) =>
    Object.entries(entries).filter(
      ([id]) =>
        mode !== 'skip' ||
        !changes.some((one) => isConflict(one) && one.kind === kind && one.id === id),
    );
  const tenants = Object.entries<StoredTenant>(bundle.tenants).map(([id, tenant]) => {
    const stored = current.get(id);
    return [id, stored === undefined ? tenant : mergeTenant(stored, tenant, mode)] as const;
  });
  const { apiVersion } = bundle;
  return {
    apiVersion,
    plans: Object.fromEntries(wanted('plan', bundle.plans)),
    upstreams: Object.fromEntries(wanted('sharedUpstream', bundle.upstreams)),
    tenants: Object.fromEntries(tenants),
  };
}

/** Whether it is there and differs. */
export function isConflict({ action }: Change): boolean {
  return action === 'update';
}

/** Tenants of which something would be deleted or overwritten; sorted. */
export function tenantsToMerge(changes: readonly Change[]): string[] {
  const touched = changes.filter(({ action }) => action === 'update' || action === 'delete');
  const ids = touched.flatMap(
    ({ kind, id, tenantId }) => (kind === 'tenant' ? id : tenantId) ?? [],
  );
  return [...new Set(ids)].sort();
}

function mergeTenant(current: StoredTenant, wanted: StoredTenant, mode: ConflictMode): object {
  const [weak, strong] = mode === 'skip' ? [wanted, current] : [current, wanted];
  const sections = SECTIONS.map((name): [string, object] => [
    name,
    { ...asObject(weak[name]), ...asObject(strong[name]) },
  ]);
  return { ...strong, ...Object.fromEntries<object>(sections) };
}

function asObject(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}
