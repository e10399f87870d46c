import type { LimitRule } from '@headgate/limiting';
import type { CounterCell, WorkerMetrics } from '@headgate/telemetry';

/** Counters with the labels `level` and `kind`. */
type DenialMetric = 'headgate_limit_denials_total' | 'headgate_limit_shadow_denials_total';

/** Counts refusals by the level and kind of the limit that refused. */
export class DenialCells {
  readonly #metrics: Pick<WorkerMetrics, 'counter'>;
  readonly #metric: DenialMetric;
  /** By level, then kind. */
  readonly #cells = new Map<string, Map<string, CounterCell>>();

  constructor(metrics: Pick<WorkerMetrics, 'counter'>, metric: DenialMetric) {
    this.#metrics = metrics;
    this.#metric = metric;
  }

  /** @hot */
  count({ level, kind = 'window', consumer }: LimitRule): void {
    const counted = consumer === undefined ? level : 'consumer';
    const cell = this.#cells.get(counted)?.get(kind) ?? this.#add(counted, kind);
    cell.value += 1;
  }

  #add(level: string, kind: string): CounterCell {
    const cell = this.#metrics.counter(this.#metric, { level, kind });
    const ofLevel = this.#cells.get(level) ?? new Map<string, CounterCell>();
    this.#cells.set(level, ofLevel.set(kind, cell));
    return cell;
  }
}
