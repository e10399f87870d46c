import { DEMAND_TENANTS_MAX } from '@headgate/bus';

/** Counts the requests of one tenant in the present second; the tally it was noted in resets it. */
export interface DemandCell {
  readonly tenantId: string;
  cost: number;
}

/** What the tenants of a worker asked for in one second. */
export interface DemandSecond {
  /** Since the epoch. */
  readonly second: number;
  readonly costs: readonly (readonly [tenantId: string, cost: number])[];
}

/** Seconds that wait to be taken; older ones are dropped. */
const SECONDS_MAX = 10;

/**
 * Counts what tenants ask for, in whole seconds, whether it is admitted or not. A request costs an addition; the tenants of
 * a second are gathered when the next one begins.
 */
export class DemandTally {
  #second = 0;
  #active: DemandCell[] = [];
  #done: DemandSecond[] = [];

  /**
   * A request came.
   *
   * @param timeMs since the epoch.
   * @hot
   */
  note(cell: DemandCell, cost: number, timeMs: number): void {
    const second = Math.floor(timeMs / 1000);
    if (second !== this.#second) this.#turn(second);
    if (cell.cost === 0) {
      if (this.#active.length >= DEMAND_TENANTS_MAX) return;
      this.#active.push(cell);
    }
    cell.cost += cost;
  }

  /** The seconds that are over since the last call. */
  take(nowMs: number): readonly DemandSecond[] {
    this.#turn(Math.floor(nowMs / 1000));
    const done = this.#done;
    this.#done = [];
    return done;
  }

  #turn(second: number): void {
    if (second !== this.#second && this.#active.length > 0) {
      const costs = this.#active.map(({ tenantId, cost }) => [tenantId, cost] as const);
      for (const cell of this.#active) cell.cost = 0;
      this.#active = [];
      this.#done.push({ second: this.#second, costs });
      if (this.#done.length > SECONDS_MAX) this.#done.shift();
    }
    this.#second = second;
  }
}
