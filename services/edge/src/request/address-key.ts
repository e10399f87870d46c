/**
 * What a client address counts as: an IPv4 address as itself, also if it is mapped into IPv6, an IPv6 address as its
 * /64. Providers hand whole /64 networks to one customer, who could else use 2^64 addresses in turn.
 *
 * @param address with or without a zone.
 */
export function addressKey(address: string): string {
  if (!address.includes(':')) return address;
  const zone = address.indexOf('%');
  const plain = zone === -1 ? address : address.slice(0, zone);
  if (plain.includes('.')) return plain.slice(plain.lastIndexOf(':') + 1);
  const [front = '', back] = plain.split('::');
  const groups = front === '' ? [] : front.split(':');
  if (back !== undefined) {
    const rest = back === '' ? [] : back.split(':');
    while (groups.length + rest.length < 8) groups.push('0');
    groups.push(...rest);
  }
  // A proxy may write 2001:0DB8:… for what the system calls 2001:db8:….
  const network = groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(':')}::/64`;
}

/** An address as ranges know it: without the prefix of IPv4 clients of a dual-stack listener, `::ffff:192.0.2.1`. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}
