import type { Bundle } from '@headgate/model';
import type { Change } from '../store/change.ts';
import { COLLECTION_BY_KIND } from '../store/kinds.ts';

/** Whether a bundle says anything of what a change is about: API keys and certificates that it does not name stay. */
export function isNamed({ tenants }: Bundle, { kind, tenantId, id }: Change): boolean {
  if (kind !== 'apiKey' && kind !== 'certificate') return true;
  const byId: Readonly<Record<string, Bundle['tenants'][keyof Bundle['tenants']]>> = tenants;
  const named = byId[tenantId ?? '']?.[COLLECTION_BY_KIND[kind]];
  return Object.hasOwn(named ?? {}, id);
}
