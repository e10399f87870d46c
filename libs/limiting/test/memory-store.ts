import type {
  StoreFailure,
  BatchItem,
  BatchReply,
  ItemReply,
  LimitStore,
  ReplayItem,
  StoreState,
} from '../src/index.ts';
import { SlidingWindow } from '../src/sliding-window.ts';

/** A store in memory that answers when the test lets it, or at once. */
export interface MemoryStore extends LimitStore {
  /** Calls as they came: items of `takeBatch`. */
  readonly calls: (readonly BatchItem[])[];
  readonly replays: (readonly ReplayItem[])[];
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

/** @param nowMs the store's clock. */
export function createMemoryStore(nowMs: () => number): MemoryStore {
  const windows = new Map<string, { window: SlidingWindow; shape: BatchItemShape }>();
  let held: (() => void)[] = [];
  const obtain = (key: string, shape: BatchItemShape): SlidingWindow => {
    const known = windows.get(key);
    if (known !== undefined) return known.window;
    const window = new SlidingWindow();
    windows.set(key, { window, shape });
    return window;
  };
  const takeItem = ({ chain, cost, units }: BatchItem): ItemReply => {
    const now = nowMs();
    const parts = chain.compiled.map((compiled) => ({
      compiled,
      window: obtain(compiled.key, compiled),
    }));
    const left = (): number[] =>
      parts.map(({ compiled, window }) =>
        Math.max(0, compiled.rule.limit - window.used(now, compiled)),
      );
    const granted = Math.min(units, Math.floor(Math.min(...left()) / cost));
    if (granted > 0) {
      for (const { compiled, window } of parts) window.charge(now, compiled, granted * cost, false);
    }
    const remaining = left();
    const resetMs = parts.map(({ compiled, window }, index) =>
      window.waitMs(now, compiled, Math.max(0, cost - (remaining[index] ?? 0))),
    );
    return { granted, remaining, resetMs };
  };
  const store: MemoryStore = {
    calls: [],
    replays: [],
    probes: 0,
    identity: 'run-1',
    failure: null,
    isHeld: false,
    takeItem,
    takeBatch(items) {
      store.calls.push(items.map(({ chain, cost, units }) => ({ chain, cost, units })));
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
      for (const { rule, charges } of items) {
        const window = obtain(rule.key, rule);
        for (const { cost } of charges) window.charge(nowMs(), rule, cost, false);
      }
    },
    answer() {
      const settles = held;
      held = [];
      for (const settle of settles) settle();
    },
    flush: () => windows.clear(),
    used(key) {
      const known = windows.get(key);
      return known === undefined ? 0 : known.window.used(nowMs(), known.shape);
    },
  };
  return store;
}

type BatchItemShape = BatchItem['chain']['compiled'][number];
