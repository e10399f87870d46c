import assert from 'node:assert/strict';
import fc from 'fast-check';
import { createLimiterStats } from '../src/limiter-stats.ts';
import {
  compileChain,
  StoreFailure,
  type BatchItem,
  type ConcurrencyRule,
  type ItemReply,
  type LimitChain,
  type LimitStore,
  type SlotClaim,
  type SlotRenewal,
  type WindowRule,
} from '../src/index.ts';
import { SlotBook } from '../src/slot-book.ts';
import { SlotKeeper } from '../src/slot-keeper.ts';
import { createMemoryStore } from './memory-store.ts';

export { propertyOptions } from './property-runs.ts';

/** What one of three workers does; `lost` and `late` takes fail for it, and the late one acts some events afterwards. */
export interface SlotEvent {
  readonly worker: number;
  readonly action: 'take' | 'lost' | 'late' | 'release' | 'timers' | 'crash';
  /** 0: the tenant's slots alone; 1: those of a key and a window as well. */
  readonly chain: number;
  readonly units: number;
  readonly advanceMs: number;
  /** The store's clock steps back by this before it. */
  readonly stepBackMs: number;
}

/** A call as the store got it, and its answer. */
export interface SlotCall {
  readonly clockMs: number;
  readonly call:
    | { readonly item: BatchItem; readonly reply: ItemReply }
    | { readonly renewals: readonly SlotRenewal[]; readonly lapsed: number };
}

/** Limits of both chains, and what happens. */
export interface SlotSchedule {
  readonly limits: readonly [number, number];
  readonly events: readonly SlotEvent[];
}

/** Random schedules. */
export function slotSchedules(): fc.Arbitrary<SlotSchedule> {
  const action = fc.oneof(
    { weight: 8, arbitrary: fc.constant('take' as const) },
    { weight: 8, arbitrary: fc.constant('release' as const) },
    { weight: 4, arbitrary: fc.constant('timers' as const) },
    fc.constantFrom('lost' as const, 'late' as const, 'crash' as const),
  );
  const event = fc.record({
    worker: fc.integer({ min: 0, max: 2 }),
    action,
    chain: fc.integer({ min: 0, max: 1 }),
    units: fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 9 })),
    advanceMs: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constantFrom(800, 2499, 2500, 2501)),
    stepBackMs: fc.oneof({ weight: 12, arbitrary: fc.constant(0) }, fc.constantFrom(5, 60_000)),
  });
  const limit = fc.integer({ min: 1, max: 8 });
  const events = fc.array(event, { minLength: 1, maxLength: 50, size: 'max' });
  return fc.record({ limits: fc.tuple(limit, limit), events });
}

/** After this long without a word, a worker's slots are free. */
const LEASE_MS = 2500;

interface Worker {
  keeper: SlotKeeper;
  readonly timers: Set<() => void>;
  /** Chains of the requests in flight. */
  inFlight: LimitChain[];
  /** True time at which the store last prolonged all its slots of a key. */
  readonly heardMs: Map<string, number>;
}

/**
 * Runs a schedule on the worker's half of the algorithm and a store in memory. After each grant the oracle counts the
 * requests that are truly in flight on workers that the store has heard of within the lease: never more than the limit.
 * At the end all requests end and the lease passes: then the whole limit fits, so nothing has leaked.
 *
 * @param alter a fault to be found: what becomes of claims on their way to the store.
 * @returns the store's calls and answers, for another store to be compared with.
 */
export async function runSlotSchedule(
  { limits, events }: SlotSchedule,
  alter: (claim: SlotClaim) => SlotClaim = (claim) => claim,
): Promise<SlotCall[]> {
  const run = new SlotRun(limits, alter);
  for (const event of events) await run.act(event);
  await run.finish();
  return run.calls;
}

class SlotRun {
  readonly calls: SlotCall[] = [];
  readonly #chains: readonly LimitChain[];
  readonly #store = createMemoryStore(() => this.#clockMs);
  readonly #workers: Worker[];
  readonly #late: BatchItem[] = [];
  readonly #alter: (claim: SlotClaim) => SlotClaim;
  #trueMs = 1_700_000_000_000;
  #clockMs = this.#trueMs;
  #started = 0;
  #fate: 'answered' | 'lost' | 'late' = 'answered';

  constructor(
    [tenantLimit, keyLimit]: readonly [number, number],
    alter: (claim: SlotClaim) => SlotClaim,
  ) {
    this.#alter = alter;
    const policy = { onStoreLoss: 'share' } as const;
    const slots: ConcurrencyRule = {
      name: 'slots',
      kind: 'concurrency',
      level: 'tenant',
      scope: '',
      limit: tenantLimit,
      ...policy,
    };
    const ofKey: ConcurrencyRule = { ...slots, level: 'key', scope: 'a', limit: keyLimit };
    const window: WindowRule = {
      name: 'all',
      level: 'tenant',
      scope: '',
      limit: 40,
      windowMs: 60_000,
      ...policy,
    };
    this.#chains = [compileChain('acme', [slots]), compileChain('acme', [ofKey, window, slots])];
    this.#workers = [0, 1, 2].map(() => this.#startWorker());
  }

  async act(event: SlotEvent): Promise<void> {
    this.#trueMs += event.advanceMs;
    this.#clockMs += event.advanceMs - event.stepBackMs;
    const worker = this.#workers[event.worker];
    const chain = this.#chains[event.chain];
    assert.ok(worker !== undefined && chain !== undefined);
    if (event.action === 'crash') this.#workers[event.worker] = this.#startWorker();
    else if (event.action === 'release') this.#release(worker, event.units);
    else if (event.action === 'timers') await this.#fire(worker);
    else await this.#take(worker, chain, event);
    const overdue = this.#late.length > 2 ? this.#late.shift() : undefined;
    if (overdue !== undefined) this.#log(overdue, this.#store.takeItem(overdue));
  }

  async finish(): Promise<void> {
    for (const worker of this.#workers) {
      this.#release(worker, worker.inFlight.length);
      await this.#fire(worker);
    }
    // The first look shortens leases that the clock's steps back had lengthened; then they pass.
    await this.#takeAll(() => undefined);
    await this.#takeAll((granted, units) => assert.equal(granted, units, 'slots have leaked'));
  }

  async #takeAll(check: (granted: number, units: number) => void): Promise<void> {
    for (const chain of this.#chains) {
      this.#trueMs += 70_000;
      this.#clockMs += 70_000;
      const worker = this.#startWorker();
      await recover(worker.keeper);
      const units = Math.min(chain.costMax, 8);
      const reply = await worker.keeper.takeBatch([{ chain, cost: 1, units }]);
      check(reply.items[0]?.granted ?? 0, units);
    }
  }

  #startWorker(): Worker {
    this.#started += 1;
    const timers = new Set<() => void>();
    const stats = createLimiterStats();
    const book = new SlotBook(`worker-${this.#started}`, stats);
    const heardMs = new Map<string, number>();
    const keeper = new SlotKeeper(book, {
      store: this.#storeOf(heardMs),
      stats,
      timers: {
        schedule: (callback) => {
          timers.add(callback);
          return () => void timers.delete(callback);
        },
      },
      onFailure: (error) => {
        throw error;
      },
    });
    return { keeper, timers, inFlight: [], heardMs };
  }

  /** Answers, loses the answer, or puts the call off, as `#fate` says. */
  #storeOf(heardMs: Map<string, number>): LimitStore {
    return {
      ...this.#store,
      takeBatch: async (items) => {
        const [asked] = items;
        assert.ok(asked !== undefined);
        const item = { ...asked, slots: (asked.slots ?? []).map(this.#alter) };
        if (this.#fate === 'late') this.#late.push(item);
        if (this.#fate === 'late') throw new StoreFailure('timeout', 'no answer yet');
        const reply = this.#store.takeItem(item);
        this.#log(item, reply);
        if (this.#fate === 'lost') throw new StoreFailure('connection', 'the answer is lost');
        if (reply.granted > 0) for (const key of slotKeys(item)) heardMs.set(key, this.#trueMs);
        return { storeNowMs: this.#clockMs, items: [reply] };
      },
      renewSlots: async (told) => {
        const renewals = told.map((each) => ({ ...each, claim: this.#alter(each.claim) }));
        const lapsed = await this.#store.renewSlots(renewals);
        this.calls.push({ clockMs: this.#clockMs, call: { renewals, lapsed } });
        for (const { key } of renewals) heardMs.set(key, this.#trueMs);
        return lapsed;
      },
    };
  }

  async #take(worker: Worker, chain: LimitChain, { action, units }: SlotEvent): Promise<void> {
    // A worker takes from the store only when it has made its slots known.
    if (worker.timers.size === 0) await recover(worker.keeper);
    this.#fate = action === 'lost' || action === 'late' ? action : 'answered';
    const asked = worker.keeper.takeBatch([{ chain, cost: 1, units }]);
    const granted = await asked.then(
      ({ items }) => items[0]?.granted ?? 0,
      () => -1,
    );
    this.#fate = 'answered';
    if (granted === -1) {
      worker.keeper.storeLost();
      await recover(worker.keeper);
      return;
    }
    for (let unit = 0; unit < granted; unit += 1) worker.inFlight.push(chain);
    if (granted > 0)
      for (const each of chain.compiled) this.#assertPromise(each.key, each.capacity);
  }

  #assertPromise(key: string, limit: number): void {
    if (!slotKeys({ chain: this.#chains[1] }).includes(key)) return;
    let live = 0;
    for (const { inFlight, heardMs } of this.#workers) {
      if (this.#trueMs - (heardMs.get(key) ?? -Infinity) >= LEASE_MS) continue;
      live += inFlight.filter(({ storeKeys }) => storeKeys.includes(key)).length;
    }
    assert.ok(live <= limit, `${key}: ${live} in flight, the limit is ${limit}`);
  }

  #release(worker: Worker, units: number): void {
    for (const chain of worker.inFlight.splice(0, units)) {
      for (const key of slotKeys({ chain })) worker.keeper.release(key, 1);
    }
  }

  async #fire(worker: Worker): Promise<void> {
    const due = [...worker.timers];
    worker.timers.clear();
    for (const callback of due) callback();
    await new Promise((resolve) => setImmediate(resolve));
  }

  #log(item: BatchItem, reply: ItemReply): void {
    this.calls.push({ clockMs: this.#clockMs, call: { item, reply } });
  }
}

async function recover(keeper: SlotKeeper): Promise<void> {
  const finish = await keeper.reconcileWith({ reconcile: async () => () => undefined }, '');
  finish();
}

function slotKeys({ chain }: { readonly chain: LimitChain | undefined }): string[] {
  return (chain?.compiled ?? []).flatMap(({ kind, key }) => (kind === 'concurrency' ? [key] : []));
}
