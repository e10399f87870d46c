import { addressKey } from '../request/address-key.ts';
import { ClientPace } from './client-pace.ts';
import type { DownstreamDeps } from './downstream-deps.ts';

/**
 * What one client connection may cost: its share of its address' connections, its number of requests, and how long it
 * may take to send and to receive. Each refusal is counted where it is decided. Paces are looked at once a second.
 */
export class FrontLimits {
  readonly #deps: DownstreamDeps;
  /** Paces are made at the first look that needs them: the many connections that are idle have none. */
  #bodyPace: ClientPace | null = null;
  #writePace: ClientPace | null = null;
  /** What the connection counts as in `deps.addresses`; '' while it does not. */
  #addressKey: string;
  #requests = 0;

  /** @param addressKey what the connection was counted as already; '' if it was not. */
  constructor(deps: DownstreamDeps, addressKey: string) {
    this.#deps = deps;
    this.#addressKey = addressKey;
  }

  /** Counts the connection for its client's address; false if that has too many. */
  countAddress(address: string): boolean {
    const key = addressKey(address);
    if (!this.#deps.addresses.take(key, address)) {
      this.#deps.stats.refusedAddress += 1;
      return false;
    }
    this.#addressKey = key;
    return true;
  }

  /** The connection is closed. */
  release(): void {
    if (this.#addressKey !== '') this.#deps.addresses.release(this.#addressKey);
  }

  /** A request begins; it owes no byte of its body yet. @hot */
  beginRequest(): void {
    this.#requests += 1;
    this.#bodyPace?.reset();
  }

  /** Whether the connection may carry another request; asked once per answer, as a refusal is counted. @hot */
  allowRequest(): boolean {
    const { settings, stats } = this.#deps;
    if (this.#requests >= settings.requestsPerConnectionMax) {
      stats.endedRequests += 1;
      return false;
    }
    if (!this.#deps.letsGo()) return true;
    stats.endedOverload += 1;
    return false;
  }

  /** The client has taken all of its answer. */
  drained(): void {
    this.#writePace?.reset();
  }

  /** Whether the client takes the answer that waits for it too slowly. */
  takesTooSlowly(nowMs: number, unsentBytes: number): boolean {
    if (unsentBytes === 0) {
      this.#writePace?.reset();
      return false;
    }
    const { clientBytesPerSecondMin, writeStallMs } = this.#deps.settings;
    this.#writePace ??= new ClientPace(clientBytesPerSecondMin, writeStallMs);
    const tooSlow = this.#writePace.look(nowMs, -unsentBytes);
    if (tooSlow) this.#deps.stats.cutWrite += 1;
    return tooSlow;
  }

  /**
   * Whether the client sends its body too slowly; asked only while it is read.
   *
   * @param waits the edge does not read, or the client waits for a 100: the time is not the client's.
   * @param bytesIn of the body, so far.
   */
  sendsTooSlowly(nowMs: number, waits: boolean, bytesIn: number): boolean {
    if (waits) {
      this.#bodyPace?.rest();
      return false;
    }
    const { clientBytesPerSecondMin, bodyStallMs } = this.#deps.settings;
    this.#bodyPace ??= new ClientPace(clientBytesPerSecondMin, bodyStallMs);
    const tooSlow = this.#bodyPace.look(nowMs, bytesIn);
    if (tooSlow) this.#deps.stats.cutBody += 1;
    return tooSlow;
  }
}
