import type { BytesReturn } from './body-bytes.ts';
import type { LimitChain } from './limit-chain.ts';

/** Returns that one item carries; the rest goes with the next one. */
const PER_ITEM_MAX = 32;

/** Returns of one chain that wait; more are joined to the last of them. */
const PER_CHAIN_MAX = 256;

/** Chains with returns that wait; what further ones would return lapses, and is counted for a window too long. */
const CHAINS_MAX = 4096;

interface ChainReturns {
  readonly chain: LimitChain;
  readonly waiting: BytesReturn[];
}

/** Bytes that requests took and did not use, until an item of their chain tells the store. Told once, whatever comes of it. */
export class ByteReturns {
  readonly #chains = new Map<string, ChainReturns>();

  /** False if there is no room. */
  add(chain: LimitChain, unused: BytesReturn): boolean {
    let returns = this.#chains.get(chain.id);
    if (returns === undefined) {
      if (this.#chains.size >= CHAINS_MAX) return false;
      returns = { chain, waiting: [] };
      this.#chains.set(chain.id, returns);
    }
    const { waiting } = returns;
    const last = waiting[waiting.length - 1];
    const joins = last?.madeMs === unused.madeMs || waiting.length >= PER_CHAIN_MAX;
    if (joins && last !== undefined) waiting[waiting.length - 1] = joined(last, unused);
    else waiting.push(unused);
    return true;
  }

  /** Something of this chain waits. */
  has(chain: LimitChain): boolean {
    return this.#chains.has(chain.id);
  }

  /** What an item of this chain that is sent now is to tell. */
  take(chain: LimitChain): readonly BytesReturn[] | undefined {
    const waiting = this.#chains.get(chain.id)?.waiting;
    if (waiting === undefined) return undefined;
    const taken = waiting.splice(0, PER_ITEM_MAX);
    if (waiting.length === 0) this.#chains.delete(chain.id);
    return taken;
  }

  /** Chains of which something waits, now. */
  chains(): LimitChain[] {
    return [...this.#chains.values()].map(({ chain }) => chain);
  }

  /** All that chains with this rule would return lapses: the store is told of the rule in another way. */
  dropKey(key: string): void {
    for (const [id, { chain }] of this.#chains) {
      if (chain.storeKeys.includes(key)) this.#chains.delete(id);
    }
  }

  /** The store is lost, or another: what was taken of it stays taken. */
  drop(): void {
    this.#chains.clear();
  }
}

/** As if both had been taken at the earlier time: charges that are younger than one of them are not touched. */
function joined(one: BytesReturn, other: BytesReturn): BytesReturn {
  return {
    request: one.request + other.request,
    response: one.response + other.response,
    madeMs: Math.min(one.madeMs, other.madeMs),
  };
}
