import type {
  StoreFailure,
  BatchItem,
  BatchReply,
  CompiledQuota,
  CompiledRule,
  ItemReply,
  LeaseReturn,
  LimitStore,
  ReplayItem,
  SlotClaim,
  SlotRenewal,
  StoreState,
} from '../src/index.ts';
import { RateMeter } from '../src/rate-meter.ts';
import { gatherFor, grantLease, type Gather, type LeasedMeter } from './lease-model.ts';
import { SlotTable } from './slot-table.ts';
import { SlidingWindow } from '../src/sliding-window.ts';

/** A store in memory that answers when the test lets it, or at once. */
export interface MemoryStore extends LimitStore {
  /** Calls as they came: items of `takeBatch`. */
  readonly calls: (readonly BatchItem[])[];
  readonly replays: (readonly ReplayItem[])[];
  readonly renewals: (readonly SlotRenewal[])[];
  probes: number;
  identity: string;
  /** While set, every call rejects with it. */
  failure: StoreFailure | null;
  /** While true, `takeBatch` answers only on `answer()`. */
  isHeld: boolean;
  /** Checks and charges one item, at once. */
  readonly takeItem: (item: BatchItem) => ItemReply;
  /** Answers (or fails) the held calls. */
  answer(): void;
  /** Forgets all usage. */
  flush(): void;
  used(key: string): number;
}

/**
 * @param nowMs the store's clock; whole microseconds, as fractions, count for rates.
 * @param createWindow makes the usage of windows; a faulty one shows what an oracle finds.
 */
export function createMemoryStore(
  nowMs: () => number,
  createWindow = (): SlidingWindow => new SlidingWindow(),
): MemoryStore {
  const meters = new Map<string, Meter>();
  const obtain = (compiled: CompiledRule, claim: SlotClaim | null): Meter => {
    const known = meters.get(compiled.key);
    const state = known?.state ?? (compiled.kind === 'window' ? createWindow() : undefined);
    const meter = meterOf(compiled, state, claim);
    meters.set(compiled.key, meter);
    return meter;
  };
  let held: (() => void)[] = [];
  const takeItem = ({ chain, cost, units, slots = [], lease }: BatchItem): ItemReply => {
    const now = nowMs();
    const claims = [...slots];
    const parts = chain.compiled.map((compiled) =>
      obtain(compiled, compiled.kind === 'concurrency' ? (claims.shift() ?? null) : null),
    );
    if (lease !== undefined && lease.returned !== null) {
      for (const { giveBack } of parts) giveBack?.(now, lease.returned);
    }
    const left = parts.map((meter) => Math.max(0, meter.left(now)));
    const granted = Math.min(units, Math.floor(Math.min(...left) / cost));
    if (granted > 0) for (const meter of parts) meter.charge(now, granted * cost);
    const leased = lease === undefined ? {} : { lease: grantLease(parts, chain, lease, cost, now) };
    const gather = lease === undefined ? undefined : gatherFor(chain, lease, cost);
    return {
      granted,
      remaining: parts.map((meter) => Math.max(0, meter.left(now))),
      resetMs: parts.map((meter) => meter.resetMs(now, cost, gather)),
      ...leased,
    };
  };
  const store: MemoryStore = {
    calls: [],
    replays: [],
    renewals: [],
    probes: 0,
    identity: 'run-1',
    failure: null,
    isHeld: false,
    takeItem,
    takeBatch(items) {
      // Copies: the units of an item that waits may grow.
      store.calls.push(
        items.map(({ chain, cost, units, slots = [], lease }) => {
          return { chain, cost, units, slots, ...(lease === undefined ? {} : { lease }) };
        }),
      );
      return new Promise<BatchReply>((resolve, reject) => {
        const settle = (): void => {
          if (store.failure !== null) reject(store.failure);
          else resolve({ storeNowMs: nowMs(), items: items.map(takeItem) });
        };
        if (store.isHeld) held.push(settle);
        else settle();
      });
    },
    async probe(): Promise<StoreState> {
      store.probes += 1;
      if (store.failure !== null) throw store.failure;
      return { identity: store.identity };
    },
    async replay(items) {
      if (store.failure !== null) throw store.failure;
      store.replays.push(items);
      for (const { rule, charges, quota } of items) {
        const meter = obtain(rule, null);
        if (quota !== undefined) meter.absorb(nowMs(), 0, quota);
        for (const { cost } of charges) meter.absorb(nowMs(), cost);
      }
    },
    async renewSlots(renewals) {
      if (store.failure !== null) throw store.failure;
      store.renewals.push(renewals);
      let lapsed = 0;
      for (const { key, claim } of renewals) {
        const state = meters.get(key)?.state;
        const table = state instanceof SlotTable ? state : new SlotTable();
        lapsed += table.renew(nowMs(), claim);
        if (state === undefined) meters.set(key, slotMeter(table, 1, claim));
      }
      return lapsed;
    },
    answer() {
      const settles = held;
      held = [];
      for (const settle of settles) settle();
    },
    flush: () => meters.clear(),
    used(key) {
      const known = meters.get(key);
      return known === undefined ? 0 : known.capacity - known.left(nowMs());
    },
  };
  return store;
}

/** Usage of one rule, of any kind. */
interface Meter extends LeasedMeter {
  readonly state: SlidingWindow | RateMeter | SlotTable | QuotaState;
  charge(nowMs: number, cost: number): void;
  absorb(nowMs: number, cost: number, quota?: ReplayItem['quota']): void;
  resetMs(nowMs: number, cost: number, gather?: Gather): number;
  readonly giveBack?: (nowMs: number, returned: LeaseReturn) => void;
}

/** Goes on with `state` if there is one: it is of the rule's kind, because the kind is part of the key. */
function meterOf(
  compiled: CompiledRule,
  state: Meter['state'] | undefined,
  claim: SlotClaim | null,
): Meter {
  const { capacity } = compiled;
  if (compiled.kind === 'concurrency') {
    return slotMeter(state instanceof SlotTable ? state : new SlotTable(), capacity, claim);
  }
  if (compiled.kind === 'quota') {
    return quotaMeter(compiled, state instanceof QuotaState ? state : new QuotaState());
  }
  if (compiled.kind === 'rate') {
    const { rule } = compiled;
    const meter = state instanceof RateMeter ? state : new RateMeter();
    const us = (ms: number): number => Math.round(ms * 1000);
    return {
      state: meter,
      capacity,
      left: (ms) => meter.left(us(ms), rule),
      charge: (ms, cost) => meter.charge(us(ms), rule, cost, false),
      absorb: (ms, cost) => meter.absorb(us(ms), rule, cost),
      resetMs: (ms, cost) => meter.waitMs(us(ms), rule, cost),
    };
  }
  const window = state instanceof SlidingWindow ? state : new SlidingWindow();
  const left = (ms: number): number => capacity - window.used(ms, compiled);
  const charge = (ms: number, cost: number): void => {
    window.charge(ms, compiled, cost, false);
  };
  return {
    state: window,
    capacity,
    left,
    charge,
    absorb: charge,
    resetMs: (ms, cost, gather) => {
      const excess = Math.max(0, cost - left(ms));
      return window.waitMs(ms, compiled, excess, excess > 0 ? gather : undefined);
    },
    chargeLease: (ms, cost, aheadMs) => window.charge(ms, compiled, cost, false, aheadMs),
    giveBack: (ms, returned) => window.giveBack(ms, compiled, returned),
  };
}

class QuotaState {
  startMs = 0;
  used = 0;
}

function quotaMeter({ calendar, capacity }: CompiledQuota, state: QuotaState): Meter {
  const turn = (nowMs: number): number => {
    const [, startMs, endMs] = calendar.edgesAt(nowMs);
    if (startMs > state.startMs) Object.assign(state, { startMs, used: 0 });
    return endMs;
  };
  const left = (nowMs: number): number => {
    turn(nowMs);
    return capacity - state.used;
  };
  return {
    state,
    capacity,
    left,
    charge: (_, cost) => void (state.used += cost),
    absorb: (nowMs, cost, quota) => {
      turn(nowMs);
      if (quota?.startMs === state.startMs) state.used = Math.max(state.used, quota.used);
      state.used += cost;
    },
    resetMs: (nowMs) => {
      const endMs = turn(nowMs);
      return state.used === 0 ? 0 : endMs - nowMs;
    },
  };
}

/** Slots as the worker with this claim sees them; without a claim nothing can be taken. */
function slotMeter(table: SlotTable, capacity: number, claim: SlotClaim | null): Meter {
  const left = (ms: number): number => (claim === null ? 0 : table.left(ms, capacity, claim));
  return {
    state: table,
    capacity,
    left,
    charge: (ms, cost) => {
      if (claim !== null) table.charge(ms, claim, cost);
    },
    absorb: () => undefined,
    resetMs: (ms, cost) => (left(ms) < cost ? 25 : 0),
  };
}
