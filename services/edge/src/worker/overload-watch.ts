import { getHeapStatistics } from 'node:v8';
import type { Clock } from '@headgate/runtime';
import { OverloadLadder, type OverloadLevel, type OverloadSigns } from './overload-ladder.ts';

/** Distance of looks at the lag. */
const LOOK_MS = 50;
/** Looks per look at the heap, which costs 10 µs. */
const LOOKS_PER_HEAP = 10;

/** What {@link watchOverload} tells of a change. */
export interface OverloadChange extends OverloadSigns {
  readonly level: OverloadLevel;
  readonly previous: OverloadLevel;
}

/** A running watch. */
export interface OverloadWatch {
  readonly ladder: OverloadLadder;
  close(): void;
}

/** Feeds a ladder with the lag of this process' event loop and its heap. */
export function watchOverload(
  clock: Clock,
  onChange: (change: OverloadChange) => void,
): OverloadWatch {
  const ladder = new OverloadLadder(clock.monotonicMs());
  let lastMs = clock.monotonicMs();
  let heapShare = 0;
  let looks = 0;
  // A chain, not an interval: each sample is the time of whole turns of the loop since the one before.
  const look = (): void => {
    const nowMs = clock.monotonicMs();
    const lagMs = Math.max(0, nowMs - lastMs - LOOK_MS);
    lastMs = nowMs;
    if (looks % LOOKS_PER_HEAP === 0) heapShare = usedHeapShare();
    looks += 1;
    const previous = ladder.level;
    if (ladder.observe(nowMs, { lagMs, heapShare })) {
      onChange({ level: ladder.level, previous, lagMs, heapShare });
    }
    timer = setTimeout(look, LOOK_MS).unref();
  };
  let timer = setTimeout(look, LOOK_MS).unref();
  return { ladder, close: () => clearTimeout(timer) };
}

function usedHeapShare(): number {
  const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
  return used / limit;
}
