import { publishLimitUsage, type Bus, type LimitUsage } from '@headgate/bus';
import type { Clock } from '@headgate/runtime';
import { UsageMerge } from '../usage/usage-merge.ts';

/** Between two reports of an edge. */
const REPORT_MS = 1000;

/** Joins what the workers of the edge report of limits and publishes it once a second. Whoever creates it closes it. */
export class UsageReports {
  readonly #merge = new UsageMerge();
  readonly #timer: NodeJS.Timeout;

  constructor(bus: Bus, deps: { readonly clock: Clock; readonly edgeId: string }) {
    const { clock, edgeId } = deps;
    this.#timer = setInterval(() => {
      const entries = this.#merge.take();
      if (entries.length === 0) return;
      publishLimitUsage(bus, { v: 1, edgeId, atMs: clock.nowMs(), entries: [...entries] });
    }, REPORT_MS);
  }

  add(entries: readonly LimitUsage[]): void {
    for (const usage of entries) this.#merge.add(usage);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
