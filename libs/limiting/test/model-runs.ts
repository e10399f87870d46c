import type { BatchItem, ItemReply, LeaseReturn } from '../src/index.ts';
import type { BucketShape } from '../src/bucket-shape.ts';
import { SlidingWindow } from '../src/sliding-window.ts';
import { createMemoryStore, type UsageParts } from './memory-store.ts';

/** What a schedule asks of a store. */
export interface StoreCall {
  readonly item: BatchItem;
  readonly clockMs: number;
  /** The store is emptied first. */
  readonly empties: boolean;
}

/** Yields the calls of a schedule, is given their replies, and asserts what they promise. */
export type ScheduleRun = Generator<StoreCall, void, ItemReply>;

/** Runs a schedule on the algorithm in TypeScript; answers with its calls and replies. */
export function runOnMemory(
  run: ScheduleRun,
  parts?: UsageParts,
): { calls: StoreCall[]; replies: ItemReply[] } {
  let clockMs = 0;
  const store = createMemoryStore(() => clockMs, parts);
  const calls: StoreCall[] = [];
  const replies: ItemReply[] = [];
  for (let step = run.next(); step.done !== true;) {
    const call = step.value;
    if (call.empties) store.flush();
    clockMs = call.clockMs;
    const reply = store.takeItem(call.item);
    calls.push(call);
    replies.push(reply);
    step = run.next(reply);
  }
  return { calls, replies };
}

/** What is given back is taken off whatever charges there are, also in an emptied store. */
export class ReturnsToAnyStore extends SlidingWindow {
  override giveBack(clockMs: number, shape: BucketShape, returned: LeaseReturn): void {
    super.giveBack(clockMs, shape, { ...returned, madeMs: Infinity });
  }
}

/** What is given back is taken off charges that are younger. */
export class ReturnsToYoungest extends SlidingWindow {
  override giveBack(clockMs: number, shape: BucketShape, returned: LeaseReturn): void {
    super.giveBack(clockMs, shape, { ...returned, endMs: returned.endMs + 10_000 });
  }
}

/** Each request is charged as one, whatever it costs. */
export class ChargesOne extends SlidingWindow {
  override charge(clockMs: number, shape: BucketShape, cost: number, unsettled: boolean): number {
    return super.charge(clockMs, shape, Math.min(cost, 1), unsettled);
  }
}
