import fc from 'fast-check';
import {
  compileChain,
  compileSharedChain,
  SharedLevels,
  type Limiter,
  type LimitChain,
  type LimitVerdict,
  type SharedLevelsDeps,
} from '../src/index.ts';
import { startEdges } from './lease-load.ts';
import { settled, tenantRule } from './limiter-harness.ts';
import type { Admission } from './window-oracle.ts';

/** Requests of some tenants that share a pool and a platform, on edges whose calls are held up now and then. */
export interface SharedSchedule {
  readonly edges: number;
  readonly pool: number;
  readonly platform: number;
  /** Limit of each tenant. */
  readonly tenants: readonly number[];
  readonly steps: readonly SharedStep[];
}

interface SharedStep {
  readonly edge: number;
  readonly tenant: number;
  readonly units: number;
  readonly cost: number;
  /** Before it; the edges' timers run. */
  readonly advanceMs: number;
  /** Calls from this step on are answered with the next step that holds none. */
  readonly holds: boolean;
}

/** Random schedules, from far below the limits to far above. */
export const sharedSchedules: fc.Arbitrary<SharedSchedule> = fc.record({
  edges: fc.integer({ min: 1, max: 3 }),
  pool: fc.oneof(fc.integer({ min: 4, max: 30 }), fc.integer({ min: 65, max: 400 })),
  platform: fc.oneof(fc.integer({ min: 4, max: 60 }), fc.integer({ min: 65, max: 400 })),
  tenants: fc.array(fc.integer({ min: 2, max: 100 }), { minLength: 1, maxLength: 3 }),
  steps: fc.array(
    fc.record({
      edge: fc.nat(2),
      tenant: fc.nat(2),
      units: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 20 })),
      cost: fc.oneof({ weight: 5, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 3 })),
      advanceMs: fc.oneof(
        { weight: 4, arbitrary: fc.integer({ min: 0, max: 9 }) },
        fc.constantFrom(45, 51, 120, 480, 980),
      ),
      holds: fc.integer({ min: 0, max: 3 }).map((roll) => roll === 0),
    }),
    { minLength: 1, maxLength: 60, size: 'max' },
  ),
});

/** What a schedule came to, of the pool and of the platform; dated to when their verdict came. */
export type SharedAdmissions = ReadonlyMap<LimitChain, readonly Admission[]>;

/** Runs a schedule; `spoil` replaces what gives back, to show that the oracle would find it. */
export async function runShared(
  schedule: SharedSchedule,
  spoil: (limiter: Limiter) => Limiter['giveBack'] = (limiter) => limiter.giveBack.bind(limiter),
): Promise<SharedAdmissions> {
  const { clock, store, limiters } = await startEdges(schedule.edges);
  const rule = { name: 'sec', windowMs: 1000, onStoreLoss: 'share' } as const;
  const pools = [
    compileSharedChain('pool', 'gold.0', [{ ...rule, limit: schedule.pool }]),
    compileSharedChain('platform', '0', [{ ...rule, limit: schedule.platform }]),
  ];
  const tenants = schedule.tenants.map((limit, id) =>
    compileChain(`tenant-${id}`, [tenantRule({ limit })]),
  );
  const admissions = new Map<LimitChain, Admission[]>(pools.map((pool) => [pool, []]));
  const cameAt = new WeakMap<LimitVerdict, number>();
  const dated = (verdict: LimitVerdict): LimitVerdict => {
    if (!cameAt.has(verdict)) cameAt.set(verdict, clock.monotonicMs());
    return verdict;
  };
  const levels = limiters.map((limiter) => {
    const watched: SharedLevelsDeps['limiter'] = {
      takeNow: (chain, cost) => limiter.takeNow(chain, cost),
      askStore: (chain, cost) => limiter.askStore(chain, cost),
      giveBack: spoil(limiter),
      take: (chain, cost) => {
        const verdict = limiter.take(chain, cost);
        return verdict instanceof Promise ? verdict.then(dated) : dated(verdict);
      },
    };
    const note: SharedLevelsDeps['note'] = (pool, verdict, cost) => {
      if (verdict.outcome !== 'admitted') return;
      admissions.get(pool)?.push({ timeMs: cameAt.get(verdict) ?? NaN, cost });
    };
    return new SharedLevels({ limiter: watched, note });
  });
  for (const { edge, tenant, units, cost, advanceMs, holds } of schedule.steps) {
    clock.advance(advanceMs);
    await settled();
    store.isHeld = holds;
    if (!holds) store.answer();
    const own = tenants[tenant % tenants.length];
    for (let unit = 0; unit < units && own !== undefined; unit += 1) {
      void levels[edge % levels.length]?.take(pools, own, cost);
    }
    await settled();
  }
  store.isHeld = false;
  for (let round = 0; round < 4; round += 1) {
    store.answer();
    await settled();
  }
  for (const limiter of limiters) limiter.close();
  return admissions;
}
