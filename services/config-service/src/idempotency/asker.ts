import { hash } from 'node:crypto';
import type { Session } from '../access/session.ts';

/** Keys are the asker's own; one that gets other rights, or the name of an earlier one, is another asker. */
export function askerOf({ author, access }: Session): string {
  const { role, tenants } = access;
  const scope = tenants === 'all' ? tenants : [...tenants].sort();
  const text = JSON.stringify([author.actor, role, scope]);
  return hash('sha256', text);
}
