import assert from 'node:assert/strict';
import process from 'node:process';
import { test, type TestContext } from 'node:test';
import { compileChain, type LimitChain, type LimitVerdict } from '@headgate/limiting';
import type { Admission } from '@headgate/limiting/store-case';
import { waitFor } from '@headgate/testkit';
import { createRedisHarness, type TestEdge } from './redis-harness.ts';

const { startEdge } = await createRedisHarness(2000);

const WINDOW_MS = 1000;
const WINDOWS = Number(process.env['LEASE_WINDOWS'] ?? 2);

const WINDOWS_MAX = 10 * WINDOWS;

/** How a load comes: half of it to one edge, a quarter to the next, and so on; or evenly, and in bursts above three times the limit. */
type Shape = 'skewed' | 'bursty';

/** A limit, and how far above it the load is, in bursts. */
interface Load {
  readonly limit: number;
  readonly factor: number;
  readonly shape: Shape;
}

const LOADS: readonly Load[] = [
  { limit: 1, factor: 100, shape: 'skewed' },
  { limit: 3, factor: 100, shape: 'bursty' },
  { limit: 64, factor: 30, shape: 'skewed' },
  { limit: 65, factor: 30, shape: 'bursty' },
  { limit: 1000, factor: 5, shape: 'skewed' },
  { limit: 1000, factor: 20, shape: 'bursty' },
  { limit: 50_000, factor: 3, shape: 'skewed' },
];

/** What is used of a limit where the machine has time, which is to be chosen for a run of ten windows; a busy one uses less. */
const usedPartMin = (leases: boolean): number => {
  if (WINDOWS < 10) return 0.75;
  return leases ? 0.95 : 0.97;
};
/** Between bursts the load is so many times the limit; bursts take a quarter of this time. */
const CALM_FACTOR = 3;
const BURST_EVERY_MS = 200;
/** A machine that sends nothing for longer has stood still: what is free meanwhile cannot be used. */
const STALL_MS = 20;

const SETTINGS = [1, 2, 4, 8].flatMap((count) => [
  { count, leases: true },
  { count, leases: false },
]);

for (const { count, leases } of SETTINGS) {
  const what = `${count} edges ${leases ? 'with' : 'without'} leases`;
  test(`${what} on one Redis: no trailing window above its limit, and it is used`, async (context) => {
    const edges = await Promise.all(
      Array.from({ length: count }, (_, rank) => startEdge({ rank, liveEdges: count }, { leases })),
    );
    const runs = LOADS.map((load) => new Run(compile(what.replaceAll(' ', '-'), load), load));
    let windows = 0;
    let stalledMs = 0;
    do {
      stalledMs += await sendAll(edges, runs);
      windows += WINDOWS;
      // A machine that is too busy to send as much as a limit in this time goes on.
    } while (windows < WINDOWS_MAX && runs.some((run) => run.total(edges) < run.limit));
    for (const run of runs) run.check(edges, { windows, stalledMs, leases }, context);
    const leased = edges.reduce((sum, { limiter }) => sum + limiter.stats.admittedByLease, 0);
    assert.equal(leased > 0, leases);
    for (const { limiter } of edges) limiter.close();
  });
}

/** The load of one limit. */
class Run {
  readonly chain: LimitChain;
  readonly limit: number;
  readonly perMs: number;
  readonly shape: Shape;
  sent = 0;
  readonly #leased: Admission[] = [];

  constructor(chain: LimitChain, { limit, factor, shape }: Load) {
    this.chain = chain;
    this.limit = limit;
    this.shape = shape;
    this.perMs = (limit * factor) / WINDOW_MS;
  }

  /** How many requests are due so long after the start. */
  due(elapsedMs: number): number {
    if (this.shape === 'skewed') return elapsedMs * this.perMs;
    const burstMs = BURST_EVERY_MS / 4;
    const bursts = Math.floor(elapsedMs / BURST_EVERY_MS);
    const inBurstsMs = bursts * burstMs + Math.min(burstMs, elapsedMs % BURST_EVERY_MS);
    const calmPerMs = (this.limit * CALM_FACTOR) / WINDOW_MS;
    return inBurstsMs * this.perMs + (elapsedMs - inBurstsMs) * calmPerMs;
  }

  /** Which edge the next request goes to. */
  next(edges: readonly TestEdge[]): TestEdge | undefined {
    if (this.shape === 'bursty' || edges.length === 1) return edges[this.sent % edges.length];
    // One turn of 2 ** (edges - 1), spread as if at random.
    const turn = Math.imul(this.sent, 0x9e3779b1) >>> (33 - edges.length);
    // The highest bit that is set: half of all turns have the same, a quarter the one below it, and so on.
    return edges[turn === 0 ? edges.length - 1 : 31 - Math.clz32(turn)];
  }

  /** What a lease admits is used at once; what Redis grants is dated by its clock, which is this machine's. */
  take({ limiter }: TestEdge): void {
    const verdict = limiter.take(this.chain, 1);
    // One that waits for a call may be admitted by the lease that the call brings.
    if (verdict instanceof Promise) void verdict.then((later) => this.#note(later));
    else this.#note(verdict);
  }

  #note({ outcome, source }: LimitVerdict): void {
    if (outcome !== 'admitted' || source !== 'lease') return;
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

  check(
    edges: readonly TestEdge[],
    run: { readonly windows: number; readonly stalledMs: number; readonly leases: boolean },
    context: TestContext,
  ): void {
    const { windows, stalledMs, leases } = run;
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
    const used = usedPart(admitted, this.limit);
    const figures =
      `${this.shape}: a window of ${most} of ${this.limit}, ${(100 * used).toFixed(1)} % used in ${windows} windows` +
      `, ${stalledMs.toFixed(0)} ms of which the machine stood still`;
    context.diagnostic(figures);
    assert.ok(most <= this.limit, figures);
    assert.ok(total >= this.limit, figures);
    // Here each reply that is late leaves units free that nobody knows of. One may not be asked for at the end.
    const stalledPart = stalledMs / (WINDOW_MS * windows);
    assert.ok(used >= usedPartMin(leases) - stalledPart, figures);
    assert.ok(total >= (0.75 - stalledPart) * this.limit * windows - 1, figures);
  }
}

/**
 * How much of a limit was used, from how long it took to use it whole, several times over: the first admission to the one that
 * is as many whole limits later are as many windows apart if all is used.
 */
function usedPart(admitted: readonly Admission[], limit: number): number {
  const firstMs = admitted[0]?.timeMs ?? 0;
  let total = 0;
  let limits = 0;
  let windowsMs = 0;
  for (const { timeMs, cost } of admitted) {
    total += cost;
    if (total <= (limits + 1) * limit) continue;
    limits = Math.floor((total - 1) / limit);
    windowsMs = timeMs - firstMs;
  }
  return limits === 0 ? 1 : (limits * WINDOW_MS) / windowsMs;
}

function compile(tenant: string, { limit, shape }: Load): LimitChain {
  const rule = { name: 'sec', level: 'tenant', scope: '', limit, windowMs: WINDOW_MS } as const;
  return compileChain(`${tenant}-${limit}-${shape}`, [{ ...rule, onStoreLoss: 'share' }]);
}

/** All loads at once. Returns for how many ms nothing could be sent. */
async function sendAll(edges: readonly TestEdge[], runs: readonly Run[]): Promise<number> {
  const startMs = performance.now();
  let stalledMs = 0;
  let lastMs = 0;
  for (const run of runs) run.sent = 0;
  await new Promise<void>((resolve) => {
    const load = setInterval(() => {
      const elapsedMs = Math.min(performance.now() - startMs, WINDOWS * WINDOW_MS);
      if (elapsedMs - lastMs > STALL_MS) stalledMs += elapsedMs - lastMs;
      lastMs = elapsedMs;
      for (const run of runs) {
        const due = run.due(elapsedMs);
        for (; run.sent < due; run.sent += 1) {
          const edge = run.next(edges);
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
  return stalledMs;
}
