import { hash } from 'node:crypto';

/**
 * Orders members for a key by rendezvous (highest random weight) hashing, Thaler and Ravishankar
 * 1998: the first is the owner, the second takes over when the first goes, and a member that comes
 * or goes moves only its own keys. O(n log n) with one SHA-256 per member.
 */
export function rendezvousOrder(memberIds: readonly string[], key: string): string[] {
  return memberIds
    .map((id) => ({ id, weight: hash('sha256', `${id.length}:${id}:${key}`) }))
    .sort((a, b) => (a.weight === b.weight ? compare(a.id, b.id) : compare(b.weight, a.weight)))
    .map(({ id }) => id);
}

/** The member that owns a key; null if there are no members. O(n). */
export function rendezvousOwner(memberIds: readonly string[], key: string): string | null {
  let owner: string | null = null;
  let best = '';
  for (const id of memberIds) {
    const weight = hash('sha256', `${id.length}:${id}:${key}`);
    if (owner === null || weight > best || (weight === best && id < owner)) {
      owner = id;
      best = weight;
    }
  }
  return owner;
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
