/**
 * What a client address counts as: an IPv4 address as itself, also if it is mapped into IPv6, an IPv6 address as its
 * /64. Providers hand whole /64 networks to one customer, who could else use 2^64 addresses in turn.
 *
 * @param address with or without a zone.
 */
export function addressKey(address: string): string {
  if (!address.includes(':')) return address;
  if (address.startsWith('::ffff:') && address.includes('.')) return address.slice(7); // as the system writes it
  const zone = address.indexOf('%');
  const groups = groupsOf(zone === -1 ? address : address.slice(0, zone));
  if (groups.slice(0, 6).join() === MAPPED) {
    return groups.slice(6).map(dotted).join('.');
  }
  // A proxy may write 2001:0DB8:… for what the system calls 2001:db8:….
  const network = groups.slice(0, 4).map((group) => group.toString(16));
  return `${network.join(':')}::/64`;
}

/** The first six groups of an IPv4 address that is mapped into IPv6. */
const MAPPED = [0, 0, 0, 0, 0, 0xffff].join();

/** Its eight groups as numbers. */
function groupsOf(address: string): number[] {
  const [front = '', back] = address.split('::');
  const groups = partsOf(front);
  if (back === undefined) return groups;
  const rest = partsOf(back);
  while (groups.length + rest.length < 8) groups.push(0);
  return [...groups, ...rest];
}

/** The last two groups may be written as an IPv4 address, whatever is before them. */
function partsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((part) => {
    if (!part.includes('.')) return [Number.parseInt(part, 16)];
    const [first = 0, second = 0, third = 0, fourth = 0] = part.split('.').map(Number);
    return [first * 256 + second, third * 256 + fourth];
  });
}

function dotted(group: number): string {
  return `${group >> 8}.${group & 255}`;
}

/** An address as ranges know it: without the prefix of IPv4 clients of a dual-stack listener, `::ffff:192.0.2.1`. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}
