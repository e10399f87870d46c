import { failedPrecondition, type Preconditions } from '../http/etag.ts';
import { NO_EDITS, onTenant, type Edits } from '../store/commit.ts';
import type { NestedKind, SpecByKind, Stored } from '../store/kinds.ts';
import { accept, refuse, type Outcome, type Refusal } from '../store/outcome.ts';
import { NO_TENANT, specsOf, type TenantSpecs, type TenantState } from '../store/state.ts';

/** Checks what only the stored state can tell; null if the change may go on. */
export type StateCheck = (current: TenantState) => Refusal | null;

/** Creates, replaces or (null) deletes a plan. */
export function editPlan(
  id: string,
  spec: SpecByKind['plan'] | null,
  preconditions: Preconditions,
): Edits {
  const edit = editShared(`plan "${id}"`, spec, preconditions);
  return { ...NO_EDITS, plan: new Map([[id, edit]]) };
}

/** Creates, replaces or (null) deletes a shared upstream. */
export function editSharedUpstream(
  id: string,
  spec: SpecByKind['sharedUpstream'] | null,
  preconditions: Preconditions,
): Edits {
  const edit = editShared(`shared upstream "${id}"`, spec, preconditions);
  return { ...NO_EDITS, sharedUpstream: new Map([[id, edit]]) };
}

function editShared<Spec>(what: string, spec: Spec | null, preconditions: Preconditions) {
  return ({ stored }: { readonly stored: Stored<unknown> | null }): Outcome<Spec | null> => {
    const refusal = checkExisting(stored, spec === null, preconditions, what);
    return refusal === null ? accept(spec) : refuse(refusal);
  };
}

/** Creates, replaces or (null, with all that belongs to it) deletes a tenant. */
export function editTenant(
  id: string,
  spec: SpecByKind['tenant'] | null,
  preconditions: Preconditions,
): Edits {
  return onTenant(id, (current) => {
    const refusal = checkExisting(current.tenant, spec === null, preconditions, `tenant "${id}"`);
    if (refusal !== null) return refuse(refusal);
    return accept(spec === null ? NO_TENANT : { ...specsOf(current), tenant: spec });
  });
}

/** Creates, replaces or (`next` gives null) deletes a resource inside of a tenant. */
export function editNested<Kind extends NestedKind>(
  target: { readonly kind: Kind; readonly tenantId: string; readonly id: string },
  next: (stored: Stored<SpecByKind[Kind]> | null) => Outcome<SpecByKind[Kind] | null>,
  preconditions: Preconditions,
  check: StateCheck = () => null,
): Edits {
  const { kind, tenantId, id } = target;
  return onTenant(tenantId, (current) => {
    if (current.tenant === null) {
      return refuse({ reason: 'not_found', detail: `there is no tenant "${tenantId}"` });
    }
    const stored = storedIn(current, kind).get(id) ?? null;
    const wanted = next(stored);
    if (!wanted.ok) return wanted;
    const what = `${kind} "${id}" of tenant "${tenantId}"`;
    const refusal =
      checkExisting(stored, wanted.value === null, preconditions, what) ?? check(current);
    if (refusal !== null) return refuse(refusal);
    const specs = specsOf(current);
    const collection = new Map(storedSpecs(specs, kind));
    if (wanted.value === null) collection.delete(id);
    else collection.set(id, wanted.value);
    return accept({ ...specs, [kind]: collection });
  });
}

/**
 * Makes a tenant what it was; it need not be there any more. The preconditions are compared with the
 * newest revision of all that belongs to the tenant: nothing that changed since it was read is lost.
 * Certificates stay as they are, as those of then may have been renewed since; a tenant that comes back gets its own.
 */
export function editRollback(
  id: string,
  wanted: TenantSpecs,
  apiKeys: 'keep' | 'restore',
  preconditions: Preconditions,
): Edits {
  return onTenant(id, (current, newest) => {
    const detail = failedPrecondition(preconditions, current.tenant === null ? null : newest);
    if (detail !== null) return refuse({ reason: 'precondition_failed', detail });
    const { apiKey, certificate } = specsOf(current);
    return accept({
      ...wanted,
      apiKey: apiKeys === 'restore' ? wanted.apiKey : apiKey,
      certificate: current.tenant === null ? wanted.certificate : certificate,
    });
  });
}

/** The map of a kind; TypeScript cannot follow an indexed access by a generic kind on its own. */
function storedIn<Kind extends NestedKind>(state: TenantState, kind: Kind) {
  return state[kind] as ReadonlyMap<string, Stored<SpecByKind[Kind]>>;
}

function storedSpecs<Kind extends NestedKind>(specs: TenantSpecs, kind: Kind) {
  return specs[kind] as ReadonlyMap<string, SpecByKind[Kind]>;
}

function checkExisting(
  stored: Stored<unknown> | null,
  isDeletion: boolean,
  preconditions: Preconditions,
  what: string,
): Refusal | null {
  if (stored === null && isDeletion) return { reason: 'not_found', detail: `there is no ${what}` };
  const detail = failedPrecondition(preconditions, stored?.revision ?? null);
  return detail === null ? null : { reason: 'precondition_failed', detail };
}
