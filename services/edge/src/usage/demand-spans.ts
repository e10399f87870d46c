import { DEMAND_SECONDS, DEMAND_TENANTS_MAX, type TenantDemandReport } from '@headgate/bus';
import type { DemandSecond } from './demand-tally.ts';

/** Workers tell of a second at most this long after it was over, in seconds. */
const LATE_SECONDS = 2;

/** Spans that are gathered at once; of others, which a clock that stepped has made, nothing is told. */
const SPANS_MAX = 4;

/** Joins what the workers of an edge count of demand, by spans of five seconds. */
export class DemandSpans {
  readonly #spans = new Map<number, Map<string, number[]>>();

  add(seconds: readonly DemandSecond[]): void {
    for (const { second, costs } of seconds) {
      const offset = second % DEMAND_SECONDS;
      const tenants = this.#obtain(second - offset);
      if (tenants === null) continue;
      for (const [tenantId, cost] of costs) {
        let bySecond = tenants.get(tenantId);
        if (bySecond === undefined) {
          if (tenants.size >= DEMAND_TENANTS_MAX) continue;
          bySecond = Array.from({ length: DEMAND_SECONDS }, () => 0);
          tenants.set(tenantId, bySecond);
        }
        bySecond[offset] = (bySecond[offset] ?? 0) + cost;
      }
    }
  }

  /** Takes the spans of which all workers have told; also one from the future, after a step of the clock. */
  takeOver(nowMs: number): Pick<TenantDemandReport, 'fromSecond' | 'entries'>[] {
    const over = [...this.#spans].filter(([fromSecond]) => {
      const aheadSeconds = fromSecond + DEMAND_SECONDS + LATE_SECONDS - nowMs / 1000;
      return aheadSeconds <= 0 || aheadSeconds > 10 * DEMAND_SECONDS;
    });
    return over.map(([fromSecond, tenants]) => {
      this.#spans.delete(fromSecond);
      const entries = Array.from(tenants, ([tenantId, costs]) => ({ tenantId, costs }));
      return { fromSecond, entries };
    });
  }

  #obtain(fromSecond: number): Map<string, number[]> | null {
    const known = this.#spans.get(fromSecond);
    if (known !== undefined) return known;
    if (this.#spans.size >= SPANS_MAX) return null;
    const tenants = new Map<string, number[]>();
    this.#spans.set(fromSecond, tenants);
    return tenants;
  }
}
