import type { Bundle } from '@headgate/model';
import type { Change } from '../store/change.ts';

/** Whether a bundle says anything of what a change is about: API keys that it does not name stay. */
export function isNamed({ tenants }: Bundle, { kind, tenantId, id }: Change): boolean {
  if (kind !== 'apiKey') return true;
  const byId: Readonly<Record<string, Bundle['tenants'][keyof Bundle['tenants']]>> = tenants;
  return Object.hasOwn(byId[tenantId ?? '']?.apiKeys ?? {}, id);
}
