/**
 * Which replica takes care of a key: rendezvous hashing (Thaler and Ravishankar 1998). Each replica scores the key and
 * the highest score wins, so all replicas that see the same list agree without talking, and one that comes or goes
 * moves only its own share of the keys.
 *
 * @param replicas ids of the live replicas in any order.
 * @returns null when there are none.
 */
export function ownerOf(key: string, replicas: readonly string[]): string | null {
  let owner: string | null = null;
  let ownerScore = -1;
  for (const replica of replicas) {
    const score = hash(`${replica}\n${key}`);
    // Equal scores must not depend on the order of the list.
    if (score > ownerScore || (score === ownerScore && owner !== null && replica < owner)) {
      owner = replica;
      ownerScore = score;
    }
  }
  return owner;
}

/** FNV-1a with MurmurHash3's finaliser: FNV alone leaves the high bits of similar keys alike, which skews shares. */
function hash(text: string): number {
  let bits = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    bits = Math.imul(bits ^ text.charCodeAt(index), 0x01000193);
  }
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
