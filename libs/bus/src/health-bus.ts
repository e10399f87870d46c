import { healthKey, HealthState } from '@headgate/model';
import { BoundedMap, type Clock, type Random } from '@headgate/runtime';
import { createBucketWatch, type BucketWatch, type WatchEnd } from './bucket-watch.ts';
import { deleteValue, ensureBucket, putValue, type WriteOutcome } from './bucket-writes.ts';
import type { Bus } from './bus.ts';
import { encodeMessage, parseMessage, type Parsed } from './parse-message.ts';
import { HEALTH_BUCKET } from './subjects.ts';

/** Writes health to the bus. */
export interface HealthPublisher {
  /** Creates the bucket if it is missing. */
  ensureBucket(): Promise<WriteOutcome>;
  /**
   * Publishes the state of one upstream if it says something new about its endpoints, or if the
   * last publication is older than the refresh time. 'unchanged' means that nothing was sent.
   */
  publish(state: HealthState): Promise<WriteOutcome | 'unchanged'>;
  /** Removes the state of an upstream that is no longer probed; without a tenant: of a shared one. */
  remove(tenantId: string | null, upstreamId: string): Promise<WriteOutcome>;
}

const UPSTREAMS_MAX = 200_000;

/**
 * Creates a publisher.
 *
 * @param options.refreshMs an unchanged state is sent again after this time, so that edges can tell
 *   steady from stale; default 10,000.
 * @param options.replicas copies of the bucket, 1 to 5; default 1.
 */
export function createHealthPublisher(
  bus: Bus,
  deps: { readonly clock: Clock },
  options: { readonly refreshMs?: number; readonly replicas?: number } = {},
): HealthPublisher {
  const refreshMs = options.refreshMs ?? 10_000;
  const published = new BoundedMap<string, { readonly said: string; readonly atMs: number }>(
    UPSTREAMS_MAX,
  );
  return {
    ensureBucket: () => ensureBucket(bus, HEALTH_BUCKET, { replicas: options.replicas ?? 1 }),
    async publish(state) {
      const key = healthKey(state);
      const said = JSON.stringify(state.endpoints);
      const last = published.get(key);
      const nowMs = deps.clock.monotonicMs();
      if (last?.said === said && nowMs - last.atMs < refreshMs) return 'unchanged';
      const outcome = await putValue(bus, HEALTH_BUCKET, key, encodeMessage(state));
      if (outcome.ok) published.set(key, { said, atMs: nowMs });
      return outcome;
    },
    async remove(tenantId, upstreamId) {
      const key = healthKey({ tenantId, upstreamId });
      published.delete(key);
      return deleteValue(bus, HEALTH_BUCKET, key);
    },
  };
}

/** Callbacks of {@link watchHealth}. Exceptions are counted by the bus and change nothing. */
export interface HealthHandlers {
  /** A state; the same one may come more than once. */
  onState(state: HealthState): void;
  /** An upstream is no longer probed. The key is that of `healthKey`. */
  onRemoved?(key: string): void;
  /** A value that is no state; what was known stays. */
  onRejected?(key: string, reason: string): void;
  onWatchEnded?(end: WatchEnd): void;
}

/** Follows the health of all upstreams; a bucket that vanishes removes nothing. */
export function watchHealth(
  bus: Bus,
  deps: { readonly random: Random },
  handlers: HealthHandlers,
): BucketWatch {
  return createBucketWatch(bus, deps, HEALTH_BUCKET, {
    onEntry({ key, value, deleted }) {
      if (deleted) return handlers.onRemoved?.(key);
      const state: Parsed<HealthState> = parseMessage(HealthState, value);
      if (!state.ok) return handlers.onRejected?.(key, state.reason);
      if (healthKey(state.value) !== key) {
        return handlers.onRejected?.(key, 'key-mismatch');
      }
      return handlers.onState(state.value);
    },
    onRunEnded: (end) => handlers.onWatchEnded?.(end),
  });
}
