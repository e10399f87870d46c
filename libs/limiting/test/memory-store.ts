import type {
  StoreFailure,
  BatchItem,
  BatchReply,
  CompiledQuota,
  CompiledRule,
  ItemReply,
  LeaseReturn,
  LimitChain,
  LimitStore,
  ReplayItem,
  SlotClaim,
  SlotRenewal,
  StoreState,
} from '../src/index.ts';
import { ruleCost } from '../src/body-bytes.ts';
import { RateMeter } from '../src/rate-meter.ts';
import { gatherFor, grantLease, type Gather, type LeasedMeter } from './lease-model.ts';
import { QuotaTable } from './quota-table.ts';
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

/** What makes the usage of limits; a faulty one shows what an oracle finds. */
export interface UsageParts {
  readonly createWindow?: () => SlidingWindow;
  readonly createQuota?: () => QuotaTable;
  /** The part of a limit up to which leases are far. Default an eighth. */
  readonly farPart?: number;
}

/** @param nowMs the store's clock; whole microseconds, as fractions, count for rates. */
export function createMemoryStore(nowMs: () => number, parts: UsageParts = {}): MemoryStore {
  const { createWindow = () => new SlidingWindow(), createQuota = () => new QuotaTable() } = parts;
  const { farPart } = parts;
  const createState = ({ kind }: CompiledRule): Meter['state'] | undefined => {
    if (kind === 'window') return createWindow();
    return kind === 'quota' ? createQuota() : undefined;
  };
  const meters = new Map<string, Meter>();
  const obtain = (compiled: CompiledRule, claim: SlotClaim | null): Meter => {
    const state = meters.get(compiled.key)?.state ?? createState(compiled);
    const meter = meterOf(compiled, state, claim);
    meters.set(compiled.key, meter);
    return meter;
  };
  let held: (() => void)[] = [];
  const takeItem = (item: BatchItem): ItemReply => {
    const { chain, cost, units, slots = [], lease, bytes = null, returned = [] } = item;
    const now = nowMs();
    const claims = [...slots];
    const parts = chain.compiled.map((compiled) =>
      obtain(compiled, compiled.kind === 'concurrency' ? (claims.shift() ?? null) : null),
    );
    for (const unused of lease?.returned ?? []) {
      for (const { giveBack } of parts) giveBack?.(now, unused);
    }
    const dues = chain.compiled.map((compiled) => ruleCost(compiled, cost, bytes));
    for (const [index, { giveBack }] of parts.entries()) {
      for (const { request, response, madeMs } of returned) {
        const unit = chain.compiled[index]?.unit;
        const amount =
          unit === 'request-bytes' ? request : unit === 'response-bytes' ? response : 0;
        if (amount > 0) giveBack?.(now, { amount, madeMs, endMs: madeMs });
      }
    }
    let granted = units;
    for (const [index, meter] of parts.entries()) {
      const due = dues[index] ?? 0;
      if (due > 0) granted = Math.min(granted, Math.floor(Math.max(0, meter.left(now)) / due));
    }
    for (const [index, meter] of parts.entries()) {
      const due = dues[index] ?? 0;
      if (granted * due > 0) meter.charge(now, granted * due);
    }
    const leased =
      lease === undefined ? {} : { lease: grantLease(parts, chain, lease, cost, now, farPart) };
    const gather = lease === undefined ? undefined : gatherFor(chain, lease, cost);
    return {
      madeMs: Math.floor(now),
      granted,
      ...(countsQuotaBytes(chain)
        ? { returned: parts.map((meter) => meter.returned?.(now) ?? 0) }
        : {}),
      remaining: parts.map((meter) => Math.max(0, meter.left(now))),
      resetMs: parts.map((meter, index) => meter.resetMs(now, dues[index] ?? 0, gather)),
      ...leased,
    };
  };
  const replayed = new Set<string>();
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
        items.map(({ chain, cost, units, slots = [], lease, bytes, returned }) => {
          const ofBytes =
            bytes === undefined || bytes === null ? {} : { bytes, returned: returned ?? [] };
          return {
            chain,
            cost,
            units,
            slots,
            ...(lease === undefined ? {} : { lease }),
            ...ofBytes,
          };
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
    async replay(items, id) {
      if (store.failure !== null) throw store.failure;
      if (id !== undefined && replayed.has(id)) return;
      if (id !== undefined) replayed.add(id);
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

function countsQuotaBytes({ compiled }: LimitChain): boolean {
  return compiled.some(({ kind, unit }) => kind === 'quota' && unit !== 'requests');
}

/** Usage of one rule, of any kind. */
interface Meter extends LeasedMeter {
  readonly state: SlidingWindow | RateMeter | SlotTable | QuotaTable;
  charge(nowMs: number, cost: number): void;
  absorb(nowMs: number, cost: number, quota?: ReplayItem['quota']): void;
  resetMs(nowMs: number, cost: number, gather?: Gather): number;
  readonly giveBack?: (nowMs: number, returned: LeaseReturn) => void;
  /** Of a quota: given back in the present period. */
  readonly returned?: (nowMs: number) => number;
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
    return quotaMeter(compiled, state instanceof QuotaTable ? state : new QuotaTable());
  }
  if (compiled.kind === 'rate') {
    const { rule } = compiled;
    const pace = { ...rule, burst: capacity };
    const meter = state instanceof RateMeter ? state : new RateMeter();
    const us = (ms: number): number => Math.round(ms * 1000);
    return {
      state: meter,
      capacity,
      left: (ms) => meter.left(us(ms), pace),
      charge: (ms, cost) => meter.charge(us(ms), pace, cost, false),
      absorb: (ms, cost) => meter.absorb(us(ms), rule, cost),
      resetMs: (ms, cost) => meter.waitMs(us(ms), pace, cost),
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
    leftAhead: (ms, aheadMs) => capacity - window.usedAhead(ms, compiled, aheadMs),
    nextBucketMs: (ms) => window.nextBucketMs(ms, compiled),
    bucketMs: compiled.bucketMs,
    chargeLease: (ms, cost, aheadMs) => window.charge(ms, compiled, cost, false, aheadMs),
    giveBack: (ms, returned) => window.giveBack(ms, compiled, returned),
  };
}

function quotaMeter({ calendar, capacity }: CompiledQuota, state: QuotaTable): Meter {
  const left = (nowMs: number): number => {
    const { used, returned } = state.present(calendar, nowMs);
    return capacity - used + returned;
  };
  return {
    state,
    capacity,
    left,
    charge: (nowMs, cost) => state.charge(calendar, nowMs, cost),
    absorb: (nowMs, cost, quota) => state.absorb(calendar, nowMs, cost, quota),
    resetMs: (nowMs) => {
      const { used, returned, endMs } = state.present(calendar, nowMs);
      return used === returned ? 0 : endMs - nowMs;
    },
    giveBack: (nowMs, { amount, endMs: madeMs }) => state.giveBack(calendar, nowMs, amount, madeMs),
    returned: (nowMs) => state.present(calendar, nowMs).returned,
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
