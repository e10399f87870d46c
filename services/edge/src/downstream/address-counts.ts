/** Counts open connections per client address, up to a bound. IPv6 clients count by their /64, which is one customer. */
export class AddressCounts {
  readonly #counts = new Map<string, number>();
  readonly #max: number;

  /** @param max connections of one address; Infinity for no bound. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Addresses with at least one connection. */
  get size(): number {
    return this.#counts.size;
  }

  /** Counts one more connection; false if the address has as many as it may, and then nothing is counted. */
  take(key: string): boolean {
    const held = this.#counts.get(key) ?? 0;
    if (held >= this.#max) return false;
    this.#counts.set(key, held + 1);
    return true;
  }

  /** One of the connections that were counted has ended. */
  release(key: string): void {
    const left = (this.#counts.get(key) ?? 1) - 1;
    if (left === 0) this.#counts.delete(key);
    else this.#counts.set(key, left);
  }
}

/**
 * What a client address counts as: an IPv4 address as itself, also if it is mapped into IPv6, an IPv6 address as its
 * /64. Providers hand whole /64 networks to one customer, who could else use 2^64 addresses in turn.
 *
 * @param address as the system writes it, with or without a zone.
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
  return `${groups.slice(0, 4).join(':')}::/64`;
}
