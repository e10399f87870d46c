import { getHeapStatistics } from 'node:v8';
import { MessageChannel } from 'node:worker_threads';
import type { Clock } from '@headgate/runtime';
import { OverloadLadder, type OverloadLevel, type OverloadSigns } from './overload-ladder.ts';

/** Distance of looks at the lag. */
const LOOK_MS = 50;
/** Looks per look at the memory, which costs 10 µs. */
const LOOKS_PER_MEMORY = 10;
/** Buffers that nobody needs any more are collected by V8 once they are about so much … */
const BUFFER_SLACK_BYTES = 64 * 1024 * 1024;
/** … but not while no new ones are made: from this share on, short of the first level, it is told to, but not often. */
const COLLECT_SHARE = 0.8;
const COLLECT_EVERY_MS = 5000;

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
 * Feeds a ladder with the lag of this process' event loop and its memory.
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
  let memoryShare = 0;
  let collectedMs = -Infinity;
  let looks = 0;

  function observe(nowMs: number, lagMs: number): void {
    if (looks % LOOKS_PER_MEMORY === 0) memoryShare = lookAtMemory(nowMs);
    looks += 1;
    const previous = ladder.level;
    if (ladder.observe(nowMs, { lagMs, memoryShare })) {
      onChange({ level: ladder.level, previous, lagMs, memoryShare });
    }
  }

  function lookAtMemory(nowMs: number): number {
    const { share, ofBuffers } = usedMemory();
    // A collection cannot free what buffers do not take; of its heap V8 knows by itself when to collect.
    if (share < COLLECT_SHARE || share - ofBuffers >= COLLECT_SHARE) return share;
    if (nowMs - collectedMs < COLLECT_EVERY_MS) return share;
    collectedMs = nowMs;
    globalThis.gc?.();
    return usedMemory().share;
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

/**
 * Used memory as parts of what V8 allows its heap. What is held for clients lies in buffers, outside of the heap: a process
 * may use as much of both as of the heap alone.
 */
function usedMemory(): { readonly share: number; readonly ofBuffers: number } {
  const {
    used_heap_size: heap,
    external_memory: buffers,
    heap_size_limit: max,
  } = getHeapStatistics();
  const ofBuffers = Math.max(0, buffers - BUFFER_SLACK_BYTES) / max;
  return { share: heap / max + ofBuffers, ofBuffers };
}
