import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileChain, type LimitChain, type LimitRule } from '@headgate/limiting';
import { busiestWindow, type Admission } from '@headgate/limiting/store-case';
import { createRedisHarness, type TestEdge } from './redis-harness.ts';

const { startEdge } = await createRedisHarness(2000);

const DURATION_MS = 3000;

const startEdges = () =>
  Promise.all([0, 1].map((rank) => startEdge({ rank, liveEdges: 2 }, { waitingUnitsMax: 10_000 })));

/** Requests of one class under load, and what became of them. */
class Load {
  readonly admitted: Admission[] = [];
  refused = 0;
  #sent = 0;
  readonly #chain: LimitChain;
  readonly #perMs: number;

  constructor(chain: LimitChain, perMs: number) {
    this.#chain = chain;
    this.#perMs = perMs;
  }

  /** What is due by now; in turns on all edges. */
  send(edges: readonly TestEdge[], elapsedMs: number): Promise<void>[] {
    const pending: Promise<void>[] = [];
    for (; this.#sent < elapsedMs * this.#perMs; this.#sent += 1) {
      const edge = edges[this.#sent % edges.length];
      if (edge !== undefined) pending.push(this.#take(edge));
    }
    return pending;
  }

  async #take({ limiter }: TestEdge): Promise<void> {
    const { outcome, source } = await limiter.take(this.#chain, 1);
    const timeMs = performance.timeOrigin + performance.now();
    if (outcome !== 'admitted') this.refused += 1;
    else if (source === 'lease') this.admitted.push({ timeMs, cost: 1 });
  }
}

test('a flood of bulk on two edges with leases: critical requests within the headroom all pass, no window above the limit', async () => {
  const edges = await startEdges();
  const rule: LimitRule = {
    ...{ name: 'sec', level: 'tenant', scope: '', limit: 1000, windowMs: 1000 },
    onStoreLoss: 'share',
  };
  const critical = new Load(compileChain('acme', [rule]), 0.15);
  const bulk = new Load(compileChain('acme', [{ ...rule, headroom: 300 }]), 4);
  const startMs = performance.now();
  const pending: Promise<void>[] = [];
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const elapsedMs = performance.now() - startMs;
      for (const load of [critical, bulk]) pending.push(...load.send(edges, elapsedMs));
      if (elapsedMs < DURATION_MS) return;
      clearInterval(timer);
      resolve();
    }, 1);
  });
  await Promise.all(pending);
  assert.equal(critical.refused, 0);
  assert.ok(bulk.refused > 1000, `bulk was refused ${bulk.refused} times`);
  const leased = [...critical.admitted, ...bulk.admitted];
  assert.ok(leased.length > 0);
  // What Redis granted is dated by its clock, which is this machine's; a lease is used at once.
  const all = [...leased, ...edges.flatMap(({ granted }) => granted)];
  assert.ok(busiestWindow(all, 1000) <= 1000, `a window of ${busiestWindow(all, 1000)}`);
  for (const { limiter } of edges) limiter.close();
});

test('slots: bulk holds no more than its cap on all edges together, critical requests get the rest', async () => {
  const edges = await startEdges();
  const rule: LimitRule = {
    ...{ name: 'busy', kind: 'concurrency', level: 'tenant', scope: '', limit: 10 },
    onStoreLoss: 'share',
  };
  const bulk = compileChain('slots', [{ ...rule, headroom: 4 }]);
  const takeMany = async (chain: LimitChain, count: number): Promise<number> => {
    const takes = Array.from({ length: count }, async (_, request) =>
      edges[request % 2]?.limiter.take(chain, 1),
    );
    const verdicts = await Promise.all(takes);
    return verdicts.filter((verdict) => verdict?.outcome === 'admitted').length;
  };
  assert.equal(await takeMany(bulk, 20), 6);
  assert.equal(await takeMany(compileChain('slots', [rule]), 20), 4);
  assert.equal(await takeMany(bulk, 4), 0);
});
