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
