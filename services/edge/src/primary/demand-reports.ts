import { publishTenantDemand, type Bus } from '@headgate/bus';
import type { Clock } from '@headgate/runtime';
import { DemandSpans } from '../usage/demand-spans.ts';
import type { DemandSecond } from '../usage/demand-tally.ts';

/** Spans that are over are looked for this often. */
const LOOK_MS = 1000;

/** Publishes what tenants ask of this edge, every five seconds. Whoever creates it closes it. */
export class DemandReports {
  readonly #spans = new DemandSpans();
  readonly #timer: NodeJS.Timeout;

  constructor(bus: Bus, deps: { readonly clock: Clock; readonly edgeId: string }) {
    const { clock, edgeId } = deps;
    this.#timer = setInterval(() => {
      for (const span of this.#spans.takeOver(clock.nowMs())) {
        publishTenantDemand(bus, { v: 1, edgeId, ...span });
      }
    }, LOOK_MS);
  }

  add(seconds: readonly DemandSecond[]): void {
    this.#spans.add(seconds);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
