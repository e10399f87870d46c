import { poolEntity, poolPlace, poolSpread, type PlanPool } from '@headgate/model';

/** The part of tenants that others share a place with. */
export interface BlastRadius {
  /** Other tenants that one that drains the place stops. */
  readonly tenants: number;
  /** These as a part of the pool's other tenants, 0 … 1. */
  readonly ofPool: number;
  /** … and of all other tenants. */
  readonly ofAll: number;
}

/** One entity of a pool, and who shares its allowance. */
export interface PoolPlace extends ReturnType<typeof poolPlace> {
  readonly entity: number;
  readonly tenants: number;
  readonly blastRadius: BlastRadius;
}

/** Counts the tenants at the places of a pool. */
export class PoolPlaces {
  readonly planId: string;
  readonly pool: PlanPool;
  readonly #counts: Uint32Array;
  #tenants = 0;

  constructor(planId: string, pool: PlanPool) {
    this.planId = planId;
    this.pool = pool;
    this.#counts = new Uint32Array(pool.entities);
  }

  /** Tenants of the pool. */
  get tenants(): number {
    return this.#tenants;
  }

  /** Adds a tenant of the plan; to the platform's pool any. */
  add(tenantId: string): void {
    const entity = poolEntity(poolSpread(tenantId), this.pool.entities);
    this.#counts[entity] = (this.#counts[entity] ?? 0) + 1;
    this.#tenants += 1;
  }

  /**
   * All places, in the order of their entities.
   *
   * @param allTenants of all plans.
   */
  list(allTenants: number): PoolPlace[] {
    return Array.from(this.#counts, (tenants, entity) => {
      const others = Math.max(0, tenants - 1);
      const blastRadius = {
        tenants: others,
        ofPool: partOf(others, this.#tenants - 1),
        ofAll: partOf(others, allTenants - 1),
      };
      return { ...poolPlace(this.planId, entity), entity, tenants, blastRadius };
    });
  }
}

function partOf(others: number, all: number): number {
  return others === 0 ? 0 : others / all;
}
