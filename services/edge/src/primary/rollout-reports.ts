import { publishRolloutCounts, type Bus } from '@headgate/bus';
import type { WorkerSnapshot } from '@headgate/telemetry';
import { RolloutTallies, type HeldRollout } from './rollout-tallies.ts';

/** Between two reports of an edge. */
const REPORT_MS = 1000;

/** What the reports are made of. */
export interface RolloutSources {
  readonly edgeId: string;
  /** What this edge holds now. */
  rollouts(): readonly HeldRollout[];
  /** Asks every worker for its metrics and hands each answer to {@link RolloutReports.add}. Does not reject. */
  takeMetrics(): Promise<void>;
}

/** While this edge holds rollouts, it tells once a second what their tenants' requests are like. Whoever creates it closes it. */
export class RolloutReports {
  readonly #bus: Bus;
  readonly #sources: RolloutSources;
  readonly #tallies = new RolloutTallies();
  readonly #timer: NodeJS.Timeout;
  #isTaking = false;

  constructor(bus: Bus, sources: RolloutSources) {
    this.#bus = bus;
    this.#sources = sources;
    this.#timer = setInterval(() => this.#tick(), REPORT_MS);
  }

  /** Takes what a worker counted since it was asked last, whoever asked. */
  add(snapshot: WorkerSnapshot): void {
    this.#tallies.add(snapshot);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const rollouts = this.#sources.rollouts();
    if (this.#isTaking) return;
    this.#tallies.begin(rollouts);
    if (rollouts.length === 0) return;
    this.#isTaking = true;
    void this.#sources.takeMetrics().finally(() => {
      this.#isTaking = false;
      this.#tallies.opened();
      publishRolloutCounts(this.#bus, this.#sources.edgeId, this.#tallies.totals());
    });
  }
}
