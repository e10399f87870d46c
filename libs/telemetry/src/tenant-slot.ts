import { DURATION_BUCKETS, durationBucket } from './duration-buckets.ts';

/** Values of the `status_class` label; the index is the class, 0 when no status was sent. */
export const STATUS_CLASSES = ['none', '1xx', '2xx', '3xx', '4xx', '5xx'] as const;

/**
 * Layout of a slot's counts:
 *
 *     [ 6 status classes | 18 duration buckets | duration sum, s | bytes in | bytes out ]
 */
export const BUCKETS_AT = STATUS_CLASSES.length;
export const DURATION_SUM_AT = BUCKETS_AT + DURATION_BUCKETS;
export const BYTES_IN_AT = DURATION_SUM_AT + 1;
export const BYTES_OUT_AT = DURATION_SUM_AT + 2;
/** Numbers per tenant. */
export const SLOT_WIDTH = DURATION_SUM_AT + 3;

/** Counts the requests of one tenant in one worker. Made by `WorkerMetrics.tenantSlot`. */
export class TenantSlot {
  readonly tenantId: string;
  /** Requests since the last snapshot. */
  requests = 0;
  /** True once the tenant is removed: counts until the next snapshot are still reported. */
  released = false;
  /** Increments since the last snapshot, in the layout above. */
  readonly counts = new Float64Array(SLOT_WIDTH);

  constructor(tenantId: string) {
    this.tenantId = tenantId;
  }

  /**
   * Counts one finished request.
   *
   * @param statusClass 1 to 5 (the status divided by 100, cut); 0 or anything else: none was sent.
   * @param durationMs from the first byte of the request to the last of the reply.
   * @param bytesIn body bytes read from the client; `bytesOut` sent to it.
   * @hot
   */
  record(statusClass: number, durationMs: number, bytesIn: number, bytesOut: number): void {
    const counts = this.counts;
    const classAt = statusClass >= 1 && statusClass <= 5 ? statusClass | 0 : 0;
    const bucketAt = BUCKETS_AT + durationBucket(durationMs);
    this.requests += 1;
    // The indices are inside the layout, so `?? 0` never applies; it satisfies the type checker.
    counts[classAt] = (counts[classAt] ?? 0) + 1;
    counts[bucketAt] = (counts[bucketAt] ?? 0) + 1;
    if (durationMs > 0) {
      counts[DURATION_SUM_AT] = (counts[DURATION_SUM_AT] ?? 0) + durationMs / 1000;
    }
    counts[BYTES_IN_AT] = (counts[BYTES_IN_AT] ?? 0) + bytesIn;
    counts[BYTES_OUT_AT] = (counts[BYTES_OUT_AT] ?? 0) + bytesOut;
  }
}
