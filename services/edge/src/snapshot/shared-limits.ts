import { compileSharedChain, type LimitChain } from '@headgate/limiting';
import { PLATFORM_PLAN_ID, poolEntity, poolPlace, type Plan, type PlanPool } from '@headgate/model';
import type { CompiledTenant } from './compile-tenant.ts';

/** The limits that tenants share, by plan. One per worker; a changed pool acts on the next request of each tenant. */
export class SharedLimits {
  readonly #pools = new Map<string, Pool>();
  #platform: Pool | null = null;

  /**
   * Takes in a plan.
   *
   * @throws RangeError if its pool cannot be compiled; what was there stays.
   */
  set({ id, pool }: Pick<Plan, 'id' | 'pool'>): void {
    if (pool === undefined) {
      this.delete(id);
      return;
    }
    const compiled = new Pool(id, pool);
    if (id === PLATFORM_PLAN_ID) this.#platform = compiled;
    else this.#pools.set(id, compiled);
  }

  /** The plan is gone, or has no pool any more. */
  delete(planId: string): void {
    if (planId === PLATFORM_PLAN_ID) this.#platform = null;
    else this.#pools.delete(planId);
  }

  /** What requests of the tenant have to pass beside its own limits; null for nothing. @hot */
  obtain({ planId, poolSpread }: CompiledTenant): readonly LimitChain[] | null {
    const pool = this.#pools.get(planId);
    const platform = this.#platform;
    if (platform === null) return pool === undefined ? null : [pool.obtain(poolSpread)];
    const whole = platform.obtain(poolSpread);
    return pool === undefined ? [whole] : [pool.obtain(poolSpread), whole];
  }
}

/** The entities of one pool, each compiled when its first tenant comes: some 3 KB. */
class Pool {
  readonly #planId: string;
  readonly #pool: PlanPool;
  readonly #chains = new Map<number, LimitChain>();

  constructor(planId: string, pool: PlanPool) {
    this.#planId = planId;
    this.#pool = pool;
    this.obtain(0); // what cannot be compiled is refused with its document
  }

  /** @hot */
  obtain(spread: number): LimitChain {
    const entity = poolEntity(spread, this.#pool.entities);
    let chain = this.#chains.get(entity);
    if (chain === undefined) {
      const { level, scope } = poolPlace(this.#planId, entity);
      chain = compileSharedChain(level, scope, this.#pool.limits);
      this.#chains.set(entity, chain);
    }
    return chain;
  }
}
