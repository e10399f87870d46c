import { compileChain, LIMIT_MAX, tenantTag, type LimitChain } from '@headgate/limiting';
import { keySlot } from './key-slot.ts';

/** What a probe takes from on one server, and where it leaves its mark. */
export interface ProbePlace {
  readonly chain: LimitChain;
  /** Survives everything but a lost database, so that a changed value shows one. */
  readonly markKey: string;
}

/** For a server that has all slots. */
export const ONLY_PLACE: ProbePlace = { chain: probeChain(''), markKey: 'hg:store' };

/** Tags that are hashed when none is known for a server: some ms. */
const TAGS_PER_SEARCH = 4096;

/** Finds keys of probes in given slots. One for all links of a process. */
export class ProbePlaces {
  /** The number of a tag per slot. */
  readonly #numbers = new Map<number, number>();
  #hashed = 0;

  /**
   * A place in a slot that `accepts` says yes to; null if none is known yet. A server with less than a thousandth of the
   * slots may need some searches to get one, until then only requests find out whether it is well.
   */
  find(accepts: (slot: number) => boolean): { slot: number; place: ProbePlace } | null {
    return this.#findKnown(accepts) ?? (this.#hashMore(), this.#findKnown(accepts));
  }

  #findKnown(accepts: (slot: number) => boolean): { slot: number; place: ProbePlace } | null {
    for (const [slot, number] of this.#numbers) {
      if (!accepts(slot)) continue;
      const id = idOf(number);
      return { slot, place: { chain: probeChain(id), markKey: `${tenantTag(id)}:store` } };
    }
    return null;
  }

  #hashMore(): void {
    for (let count = 0; count < TAGS_PER_SEARCH; count += 1) {
      const slot = keySlot(tenantTag(idOf(this.#hashed)));
      if (!this.#numbers.has(slot)) this.#numbers.set(slot, this.#hashed);
      this.#hashed += 1;
    }
  }
}

/** Ids of tenants are not empty and do not begin with a space, so these are nobody's. */
function idOf(number: number): string {
  return ` ${number}`;
}

/** A probe takes from a limit of its own that never fills. */
function probeChain(id: string): LimitChain {
  const rule = { name: 'probe', level: 'tenant', limit: LIMIT_MAX, windowMs: 1000 } as const;
  return compileChain(id, [{ ...rule, scope: '', onStoreLoss: 'share' }]);
}
