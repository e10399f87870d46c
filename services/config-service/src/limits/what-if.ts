import {
  overrideLimits,
  poolEntity,
  poolPlace,
  poolSpread,
  type Limit,
  type PlanPool,
  type PlanSpec,
} from '@headgate/model';
import type { DemandMinute } from './demand-history.ts';
import { replayDemand, whyNotJudged, type Refused } from './replay-demand.ts';

/** A tenant as it is and as it would be. */
export interface TenantCase {
  readonly id: string;
  /** Its demand; oldest first, minutes without any left out. */
  readonly minutes: readonly DemandMinute[];
  readonly now: TenantRules;
  readonly proposed: TenantRules;
}

/** What decides on the limits of a tenant. */
export interface TenantRules {
  readonly planId: string;
  /** Null for a plan that does not exist (yet). */
  readonly plan: PlanSpec | null;
  readonly limits: readonly Limit[];
  readonly timeZone: string;
}

/** Who would have been refused by which limit. */
export interface Throttled {
  /** Empty for a pool: the tenants of its entity. */
  readonly tenantId: string;
  readonly level: 'tenant' | 'pool' | 'platform';
  /** As of a limit's state: entity of a pool, else empty. */
  readonly scope: string;
  readonly limit: Pick<Limit, 'name' | 'kind'>;
  readonly refused: Refused;
  /** Cost that this limit, as it is now, would have refused by the same reckoning; 0 if there is none of the name. */
  readonly refusedNow: number;
  /** Cost that was asked for in all. */
  readonly demand: number;
}

/** A limit that what is recorded says nothing about. */
export interface NotJudged {
  readonly planId: string;
  readonly name: string;
  readonly why: string;
}

/** Limits of the tenant itself that would have refused some of its demand, each as if it were the only one. */
export function judgeTenant({ id, minutes, now, proposed }: TenantCase): Throttled[] {
  const before = limitsOf(now);
  const demand = totalOf(minutes);
  return limitsOf(proposed).flatMap((limit) => {
    const refused = replay(limit, minutes, proposed.timeZone);
    if (refused === null) return [];
    const same = before.find(({ name }) => name === limit.name);
    const refusedNow = same === undefined ? 0 : (replay(same, minutes, now.timeZone)?.cost ?? 0);
    const { name, kind } = limit;
    const place = { tenantId: id, level: 'tenant', scope: '' } as const;
    return [{ ...place, limit: { name, kind }, refused, refusedNow, demand }];
  });
}

/** Limits of a plan that cannot be judged, and why. */
export function listNotJudged(planId: string, plan: PlanSpec): NotJudged[] {
  const own = plan.limits.flatMap((limit) => {
    const why = whyNotJudged(limit);
    return why === null ? [] : [{ planId, name: limit.name, why }];
  });
  const why = 'demand is recorded by tenant, not by API key';
  return [...own, ...plan.keyLimits.map(({ name }) => ({ planId, name, why }))];
}

/** What the tenants of each entity of a pool asked for together. Summed up at once: no tenant's minutes are kept. */
export class PoolDemand {
  readonly pool: PlanPool;
  readonly #entities = new Map<number, Map<number, DemandMinute>>();

  constructor(pool: PlanPool) {
    this.pool = pool;
  }

  /** Adds a tenant of the plan; to the platform's pool any. */
  add({ id, minutes }: Pick<TenantCase, 'id' | 'minutes'>): void {
    const entity = poolEntity(poolSpread(id), this.pool.entities);
    const joint = this.#entities.get(entity) ?? new Map<number, DemandMinute>();
    this.#entities.set(entity, joint);
    for (const minute of minutes) joint.set(minute.atMs, together(joint.get(minute.atMs), minute));
  }

  /** Of entities with tenants; minutes oldest first. */
  byEntity(): (readonly [entity: number, minutes: DemandMinute[]])[] {
    return Array.from(this.#entities, ([entity, joint]) => [
      entity,
      [...joint.values()].sort((a, b) => a.atMs - b.atMs),
    ]);
  }
}

/** Entities of a proposed pool that would have refused some of the demand of their tenants. */
export function judgePool(planId: string, demanded: PoolDemand, now: PlanSpec | null): Throttled[] {
  const { pool } = demanded;
  // With another number of entities the demand of one cannot be compared with what it is now.
  const before = now?.pool?.entities === pool.entities ? now.pool.limits : [];
  return demanded.byEntity().flatMap(([entity, minutes]) => {
    const place = { tenantId: '', ...poolPlace(planId, entity) };
    return pool.limits.flatMap((limit) => {
      const kind = 'window' as const;
      const refused = replayDemand({ ...limit, kind }, minutes, 'UTC');
      if (refused === null) return [];
      const same = before.find(({ name }) => name === limit.name);
      const then = same === undefined ? null : replayDemand({ ...same, kind }, minutes, 'UTC');
      const named = { name: limit.name, kind };
      const demand = totalOf(minutes);
      return [{ ...place, limit: named, refused, refusedNow: then?.cost ?? 0, demand }];
    });
  });
}

function limitsOf({ plan, limits }: TenantRules): Limit[] {
  return overrideLimits(plan?.limits ?? [], limits);
}

function replay(limit: Limit, minutes: readonly DemandMinute[], timeZone: string): Refused | null {
  return whyNotJudged(limit) === null ? replayDemand(limit, minutes, timeZone) : null;
}

/** Their busiest seconds need not be the same one: the busier of the two is all that is certain. */
function together(known: DemandMinute | undefined, added: DemandMinute): DemandMinute {
  if (known === undefined) return added;
  const { atMs, total, peak } = known;
  return { atMs, total: total + added.total, peak: Math.max(peak, added.peak) };
}

function totalOf(minutes: readonly DemandMinute[]): number {
  return minutes.reduce((sum, { total }) => sum + total, 0);
}
