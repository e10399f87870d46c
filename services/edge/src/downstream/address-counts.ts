import { plainAddress } from '../request/address-key.ts';

/** How many connections one address may have. */
export interface AddressBounds {
  readonly max: number;
  /** Of an address that is trusted to speak for many clients; not below `max`. */
  readonly trustedMax: number;
  readonly isTrusted: (address: string) => boolean;
}

/** Part of the connections that open files allow which one address may hold: the rest is for all others. */
const ADDRESS_SHARE = 0.5;

/**
 * Bounds of a listener. What is configured suits a process with many open files; with few of them one client could have
 * accepting pause for everybody. A trusted proxy brings everybody's connections, and is held to what is configured.
 */
export function addressBounds(
  configuredMax: number,
  connectionsWithinFds: number,
  isTrusted: (address: string) => boolean,
): AddressBounds {
  const share = Math.max(1, Math.floor(connectionsWithinFds * ADDRESS_SHARE));
  return { max: Math.min(configuredMax, share), trustedMax: configuredMax, isTrusted };
}

/** Counts open connections per client address, up to a bound. IPv6 clients count by their /64, which is one customer. */
export class AddressCounts {
  readonly #counts = new Map<string, number>();
  readonly #bounds: AddressBounds;

  constructor(bounds: AddressBounds) {
    this.#bounds = bounds;
  }

  /** Addresses with at least one connection. */
  get size(): number {
    return this.#counts.size;
  }

  /**
   * Counts one more connection; false if the address has as many as it may, and then nothing is counted.
   *
   * @param key what the address counts as.
   */
  take(key: string, address: string): boolean {
    const { max, trustedMax, isTrusted } = this.#bounds;
    const held = this.#counts.get(key) ?? 0;
    if (held >= trustedMax || (held >= max && !isTrusted(plainAddress(address)))) return false;
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
