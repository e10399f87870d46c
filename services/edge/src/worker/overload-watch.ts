import { getHeapStatistics } from 'node:v8';
import { MessageChannel } from 'node:worker_threads';
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
  /**
   * Whether the request that has just come is to be shed.
   *
   * @param nowMs its time, monotonic.
   * @hot
   */
  sheds(nowMs: number): boolean;
  close(): void;
}

/**
 * Feeds a ladder with the lag of this process' event loop and its heap.
 *
 * The lag is the time that a message to ourselves waits among the sockets that are ready: the kernel hands them out in
 * order, so it waits as long as a request does. Timers cannot tell: libuv runs them only when it has gone through all
 * that is ready, up to 48 × 1024 events, which took 25 s in an overload. For the same reason looks are also due when
 * requests come, not only when a timer fires.
 *
 *     timer ──┐                                    ┌─► observe(age of the message)
 *             ├─► look: message under way? ─ yes ──┘
 *     request ┘                   └ no ─► send one … it arrives ─► observe(its age)
 */
export function watchOverload(
  clock: Clock,
  targetLagMs: number,
  onChange: (change: OverloadChange) => void,
): OverloadWatch {
  const ladder = new OverloadLadder(clock.monotonicMs(), targetLagMs);
  const { port1, port2 } = new MessageChannel();
  let lookedMs = clock.monotonicMs();
  /** When the message that is under way was sent; null for none. */
  let sentMs: number | null = null;
  let heapShare = 0;
  let looks = 0;

  function observe(nowMs: number, lagMs: number): void {
    if (looks % LOOKS_PER_HEAP === 0) heapShare = usedHeapShare();
    looks += 1;
    const previous = ladder.level;
    if (ladder.observe(nowMs, { lagMs, heapShare })) {
      onChange({ level: ladder.level, previous, lagMs, heapShare });
    }
  }

  function look(nowMs: number): void {
    lookedMs = nowMs;
    if (sentMs !== null) {
      observe(nowMs, nowMs - sentMs);
      return;
    }
    sentMs = nowMs;
    port1.postMessage(null);
  }

  port2.on('message', () => {
    const nowMs = clock.monotonicMs();
    const lagMs = sentMs === null ? 0 : nowMs - sentMs;
    sentMs = null;
    observe(nowMs, lagMs);
  });
  port1.unref();
  port2.unref();
  const timer = setInterval(() => look(clock.monotonicMs()), LOOK_MS).unref();

  return {
    ladder,
    sheds(nowMs) {
      if (nowMs - lookedMs >= LOOK_MS) look(nowMs);
      return ladder.sheds(nowMs);
    },
    close() {
      clearInterval(timer);
      port2.close();
    },
  };
}

function usedHeapShare(): number {
  const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
  return used / limit;
}
