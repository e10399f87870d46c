import type { BodyBytes } from './body-bytes.ts';
import type { LimitChain } from './limit-chain.ts';
import type { Limiter } from './limiter.ts';
import { withoutUsage, type LimitVerdict } from './verdict.ts';

/** What passing shared levels takes. */
export interface SharedLevelsDeps {
  readonly limiter: Pick<Limiter, 'take' | 'takeNow' | 'askStore' | 'giveBack'>;
  /** Told of the verdict that a pool gave, once the request is decided: an admission only if all levels admitted. */
  readonly note: (pool: LimitChain, verdict: LimitVerdict, cost: number) => void;
}

/**
 * Passes a request through limits that tenants share and then through those of its own tenant, all or nothing. They lie in
 * different slots of the store, so no call can check them together:
 *
 *     own lease or deny cache ─► all pools at once ─► the store, for its own limits ─► admitted
 *              │ refuses              │ one refuses           │ refuses
 *              ▼                      ▼                       ▼
 *           refused          the others and the own     all pools are given
 *                            lease are given back       back
 *
 * What a tenant's deny cache refuses never reaches a pool. What is given back goes into the lease that it came from, or
 * is returned to the store with the next call; until then it counts as used. Own limits that cannot be given back, such
 * as slots or a quota, are taken last, when nothing else can refuse any more.
 */
export class SharedLevels {
  readonly #limiter: SharedLevelsDeps['limiter'];
  readonly #note: SharedLevelsDeps['note'];

  constructor({ limiter, note }: SharedLevelsDeps) {
    this.#limiter = limiter;
    this.#note = note;
  }

  /**
   * As `Limiter.take`, for one or more pools and the request's own limits.
   *
   * @param own null for none.
   * @param bytes what is taken of the own limits that count bytes; null if none does.
   * @returns the verdict of the own limits; if a pool refuses, or there are none, one without usage or policies.
   * @hot
   */
  take(
    pools: readonly LimitChain[],
    own: LimitChain | null,
    cost: number,
    bytes: BodyBytes | null = null,
  ): LimitVerdict | Promise<LimitVerdict> {
    const early = own === null ? null : this.#limiter.takeNow(own, cost, bytes);
    if (early !== null && early.outcome !== 'admitted') return early;
    const request = { pools, own, cost, bytes, early };
    const verdicts: LimitVerdict[] = [];
    const pending: (LimitVerdict | Promise<LimitVerdict>)[] = [];
    for (const pool of pools) {
      const verdict = this.#limiter.take(pool, cost);
      pending.push(verdict);
      if (!(verdict instanceof Promise)) verdicts.push(verdict);
    }
    if (verdicts.length === pools.length) return this.#judge(request, verdicts);
    const all = Promise.all(pending.map(async (verdict) => verdict));
    return all.then((answers) => this.#judge(request, answers));
  }

  /** All pools have answered. */
  #judge(
    request: SharedRequest,
    verdicts: readonly LimitVerdict[],
  ): LimitVerdict | Promise<LimitVerdict> {
    const { pools, own, cost, bytes, early } = request;
    const refusal = verdicts.findIndex(({ outcome }) => outcome !== 'admitted');
    const refused = verdicts[refusal];
    const refusing = pools[refusal];
    if (refused !== undefined && refusing !== undefined) {
      this.#giveBack(request, verdicts);
      if (own !== null && early !== null) this.#limiter.giveBack(own, cost, early);
      this.#note(refusing, refused, cost);
      return withoutUsage(refused);
    }
    if (own !== null && early === null) {
      const last = this.#limiter.askStore(own, cost, bytes);
      if (!(last instanceof Promise)) return this.#finish(request, verdicts, last);
      return last.then((verdict) => this.#finish(request, verdicts, verdict));
    }
    const [first] = verdicts;
    const verdict = early ?? (first === undefined ? null : withoutUsage(first));
    if (verdict === null) throw new RangeError('a request without limits');
    return this.#finish(request, verdicts, verdict);
  }

  /** Everybody has answered, and no pool refused. */
  #finish(
    request: SharedRequest,
    verdicts: readonly LimitVerdict[],
    verdict: LimitVerdict,
  ): LimitVerdict {
    if (verdict.outcome !== 'admitted') {
      this.#giveBack(request, verdicts);
      return verdict;
    }
    for (let index = 0; index < request.pools.length; index += 1) {
      const [pool, admitted] = [request.pools[index], verdicts[index]];
      if (pool !== undefined && admitted !== undefined) this.#note(pool, admitted, request.cost);
    }
    return verdict;
  }

  /** A refused one has no charge, and nothing happens. */
  #giveBack({ pools, cost }: SharedRequest, verdicts: readonly LimitVerdict[]): void {
    for (let index = 0; index < pools.length; index += 1) {
      const [pool, verdict] = [pools[index], verdicts[index]];
      if (pool !== undefined && verdict !== undefined) this.#limiter.giveBack(pool, cost, verdict);
    }
  }
}

/** A request under way. */
interface SharedRequest {
  readonly pools: readonly LimitChain[];
  readonly own: LimitChain | null;
  readonly cost: number;
  readonly bytes: BodyBytes | null;
  /** The verdict of its own limits if they needed no call; admitted. */
  readonly early: LimitVerdict | null;
}
