import assert from 'node:assert/strict';
import process from 'node:process';
import { test, type TestContext } from 'node:test';
import { compileChain, type LimitChain } from '@headgate/limiting';
import type { Admission } from '@headgate/limiting/store-case';
import { waitFor } from '@headgate/testkit';
import { createRedisHarness, type TestEdge } from './redis-harness.ts';

const { startEdge } = await createRedisHarness(2000);

const WINDOW_MS = 1000;
const WINDOWS = Number(process.env['LEASE_WINDOWS'] ?? 2);

const WINDOWS_MAX = 10 * WINDOWS;

/** Limits, and how far above them the load is. */
const LOADS = [
  { limit: 1, factor: 100 },
  { limit: 3, factor: 100 },
  { limit: 64, factor: 30 },
  { limit: 65, factor: 30 },
  { limit: 1000, factor: 5 },
  { limit: 50_000, factor: 1.2 },
] as const;

for (const count of [1, 2, 4, 8]) {
  test(`${count} edges with leases on one Redis: no trailing window above its limit`, async (context) => {
    const edges = await Promise.all(
      Array.from({ length: count }, (_, rank) => startEdge({ rank, liveEdges: count })),
    );
    const runs = LOADS.map((load) => new Run(compile(`edges-${count}`, load.limit), load));
    let windows = 0;
    do {
      await sendAll(edges, runs);
      windows += WINDOWS;
      // A machine that is too busy to send as much as a limit in this time goes on.
    } while (windows < WINDOWS_MAX && runs.some((run) => run.total(edges) < run.limit));
    for (const run of runs) run.check(edges, windows, context);
    const leased = edges.reduce((sum, { limiter }) => sum + limiter.stats.admittedByLease, 0);
    assert.ok(leased > 0);
    for (const { limiter } of edges) limiter.close();
  });
}

/** The load of one limit. */
class Run {
  readonly chain: LimitChain;
  readonly limit: number;
  readonly perMs: number;
  sent = 0;
  readonly #leased: Admission[] = [];

  constructor(chain: LimitChain, { limit, factor }: { limit: number; factor: number }) {
    this.chain = chain;
    this.limit = limit;
    this.perMs = (limit * factor) / WINDOW_MS;
  }

  /** What a lease admits is used at once; what Redis grants is dated by its clock, which is this machine's. */
  take({ limiter }: TestEdge): void {
    const verdict = limiter.take(this.chain, 1);
    if (verdict instanceof Promise || verdict.source !== 'lease') return;
    this.#leased.push({ timeMs: performance.timeOrigin + performance.now(), cost: 1 });
  }

  /** What was admitted so far, in no order. */
  admitted(edges: readonly TestEdge[]): Admission[] {
    const granted = edges.flatMap((edge) =>
      edge.granted.filter(({ tenantId }) => tenantId === this.chain.tenantId),
    );
    return [...granted, ...this.#leased];
  }

  total(edges: readonly TestEdge[]): number {
    return this.admitted(edges).reduce((sum, { cost }) => sum + cost, 0);
  }

  check(edges: readonly TestEdge[], windows: number, context: TestContext): void {
    const admitted = this.admitted(edges).sort((left, right) => left.timeMs - right.timeMs);
    let from = 0;
    let held = 0;
    let most = 0;
    let total = 0;
    for (const { timeMs, cost } of admitted) {
      held += cost;
      total += cost;
      for (let first = admitted[from]; first !== undefined; first = admitted[from]) {
        if (first.timeMs > timeMs - WINDOW_MS) break;
        held -= first.cost;
        from += 1;
      }
      most = Math.max(most, held);
    }
    const used = ((100 * total) / (this.limit * windows)).toFixed(1);
    const figures = `a window of ${most} of ${this.limit}, ${used} % used in ${windows} windows`;
    context.diagnostic(figures);
    assert.ok(most <= this.limit, figures);
    assert.ok(total >= this.limit, figures);
  }
}

function compile(tenant: string, limit: number): LimitChain {
  const rule = { name: 'sec', level: 'tenant', scope: '', limit, windowMs: WINDOW_MS } as const;
  return compileChain(`${tenant}-${limit}`, [{ ...rule, onStoreLoss: 'share' }]);
}

/** All loads at once, evenly over the edges. */
async function sendAll(edges: readonly TestEdge[], runs: readonly Run[]): Promise<void> {
  const startMs = performance.now();
  for (const run of runs) run.sent = 0;
  await new Promise<void>((resolve) => {
    const load = setInterval(() => {
      const elapsedMs = Math.min(performance.now() - startMs, WINDOWS * WINDOW_MS);
      for (const run of runs) {
        for (; run.sent < elapsedMs * run.perMs; run.sent += 1) {
          const edge = edges[run.sent % edges.length];
          if (edge !== undefined) run.take(edge);
        }
      }
      if (elapsedMs < WINDOWS * WINDOW_MS) return;
      clearInterval(load);
      resolve();
    }, 1);
  });
  const idle = (): boolean => edges.every(({ timing }) => timing.callsUnderWay === 0);
  await waitFor(idle, { message: 'the last replies' });
}
