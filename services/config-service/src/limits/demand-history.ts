import { DEMAND_SECONDS, type TenantDemandReport } from '@headgate/bus';
import type { Clock } from '@headgate/runtime';

/** What a tenant asked for in one minute, admitted or not, in units of cost over all edges. */
export interface DemandMinute {
  /** When it began, ms since the epoch. */
  readonly atMs: number;
  readonly total: number;
  /** The busiest whole second in it. */
  readonly peak: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const MINUTES = 60;

/** Reports are believed if their seconds are no further than this from now; a minute is complete so long after its end. */
const LATE_MS = 30_000;

/** Minutes are kept for so many hours. */
const HOURS_MAX = 24;

/** Hours of tenants kept, some 1,000 bytes each (960 of numbers): with 2,000 busy tenants a day, with 10,000 five hours. */
const TENANT_HOURS_MAX = 50_000;

/** Tenants of a minute that is not complete, some 500 bytes each (480 of numbers). */
const OPEN_TENANTS_MAX = 20_000;

/** Bounds of a history; all optional. */
export interface DemandBounds {
  readonly tenantHoursMax?: number;
  readonly openTenantsMax?: number;
}

/** Total and peak of each minute of an hour, one after the other. */
type HourOfTenant = Float64Array;

/**
 * What tenants asked for in the last hours, as edges report it, in memory: by minute, with the busiest second of each. Each
 * replica of the config-service has heard what it has heard since its start.
 *
 *     reports ─► seconds of open minutes ── 30 s after its end ─► total and peak ── 24 hours, or no room ─► forgotten
 */
export class DemandHistory {
  readonly #clock: Clock;
  readonly #startMs: number;
  readonly #tenantHoursMax: number;
  readonly #openTenantsMax: number;
  /** Costs by second, by tenant, by minute. */
  readonly #open = new Map<number, Map<string, Float64Array>>();
  readonly #hours = new Map<number, Map<string, HourOfTenant>>();
  #tenantHours = 0;
  #leftOut = 0;
  #foldedMs = 0;
  /** End of the newest report. */
  #newestMs = 0;

  constructor({ clock }: { readonly clock: Clock }, bounds: DemandBounds = {}) {
    this.#clock = clock;
    this.#startMs = clock.nowMs();
    this.#tenantHoursMax = bounds.tenantHoursMax ?? TENANT_HOURS_MAX;
    this.#openTenantsMax = bounds.openTenantsMax ?? OPEN_TENANTS_MAX;
  }

  /** Of this time something is known, ms since the epoch; null before the first report. */
  get span(): readonly [fromMs: number, untilMs: number] | null {
    this.#fold();
    if (this.#newestMs === 0) return null;
    const oldest = Math.min(...this.#hours.keys());
    const isWhole = oldest === Infinity || oldest * HOUR_MS < this.#startMs;
    return [isWhole ? this.#startMs : oldest * HOUR_MS, this.#newestMs];
  }

  /** Reports of tenants for which there was no room. */
  get leftOut(): number {
    return this.#leftOut;
  }

  receive({ fromSecond, entries }: TenantDemandReport): void {
    this.#fold();
    const fromMs = fromSecond * 1000;
    const nowMs = this.#clock.nowMs();
    if (fromMs > nowMs + LATE_MS || fromMs + DEMAND_SECONDS * 1000 < nowMs - LATE_MS) return;
    const minute = Math.floor(fromMs / MINUTE_MS);
    if (minute * MINUTE_MS < this.#foldedMs) return;
    this.#newestMs = Math.max(this.#newestMs, fromMs + DEMAND_SECONDS * 1000);
    const tenants = this.#open.get(minute) ?? new Map<string, Float64Array>();
    this.#open.set(minute, tenants);
    const offset = fromSecond % MINUTES; // a report lies within one minute
    for (const { tenantId, costs } of entries) {
      let seconds = tenants.get(tenantId);
      if (seconds === undefined) {
        if (tenants.size >= this.#openTenantsMax) {
          this.#leftOut += 1;
          continue;
        }
        seconds = new Float64Array(MINUTES);
        tenants.set(tenantId, seconds);
      }
      for (let index = 0; index < costs.length; index += 1) {
        seconds[offset + index] = (seconds[offset + index] ?? 0) + (costs[index] ?? 0);
      }
    }
  }

  /**
   * The minutes in which the tenant asked for anything, oldest first; the last two may not be complete.
   *
   * @param sinceMs when the tenant was made: minutes that were over by then are of one that had the same id before.
   */
  minutesOf(tenantId: string, sinceMs: number): DemandMinute[] {
    this.#fold();
    const found: DemandMinute[] = [];
    for (const hour of [...this.#hours.keys()].sort((a, b) => a - b)) {
      const minutes = this.#hours.get(hour)?.get(tenantId);
      if (minutes === undefined) continue;
      for (let minute = 0; minute < MINUTES; minute += 1) {
        const atMs = hour * HOUR_MS + minute * MINUTE_MS;
        const [total = 0, peak = 0] = minutes.subarray(2 * minute, 2 * minute + 2);
        if (total > 0 && atMs + MINUTE_MS > sinceMs) found.push({ atMs, total, peak });
      }
    }
    for (const minute of [...this.#open.keys()].sort((a, b) => a - b)) {
      const seconds = this.#open.get(minute)?.get(tenantId);
      const atMs = minute * MINUTE_MS;
      if (seconds === undefined || atMs + MINUTE_MS <= sinceMs) continue;
      const sum = sumOf(seconds);
      if (sum.total > 0) found.push({ atMs, ...sum });
    }
    return found;
  }

  /** Sums up the minutes that are complete. */
  #fold(): void {
    const nowMs = this.#clock.nowMs();
    for (const [minute, tenants] of this.#open) {
      const endMs = (minute + 1) * MINUTE_MS;
      if (nowMs < endMs + LATE_MS) continue;
      this.#open.delete(minute);
      this.#foldedMs = Math.max(this.#foldedMs, endMs);
      for (const [tenantId, seconds] of tenants) this.#keep(tenantId, minute, seconds);
    }
    const oldest = Math.floor(nowMs / HOUR_MS) - HOURS_MAX;
    for (const hour of this.#hours.keys()) if (hour < oldest) this.#forget(hour);
  }

  #keep(tenantId: string, minute: number, seconds: Float64Array): void {
    const hour = Math.floor(minute / MINUTES);
    const tenants = this.#hours.get(hour) ?? new Map<string, HourOfTenant>();
    this.#hours.set(hour, tenants);
    let minutes = tenants.get(tenantId);
    if (minutes === undefined) {
      if (!this.#makeRoom(hour)) {
        this.#leftOut += 1;
        return;
      }
      minutes = new Float64Array(2 * MINUTES);
      tenants.set(tenantId, minutes);
      this.#tenantHours += 1;
    }
    const position = 2 * (minute % MINUTES);
    const { total, peak } = sumOf(seconds);
    minutes[position] = total;
    minutes[position + 1] = peak;
  }

  /** Forgets the oldest hours, of all tenants; false if there is but this one. */
  #makeRoom(hour: number): boolean {
    while (this.#tenantHours >= this.#tenantHoursMax) {
      const oldest = Math.min(...this.#hours.keys());
      if (oldest >= hour) return false;
      this.#forget(oldest);
    }
    return true;
  }

  #forget(hour: number): void {
    this.#tenantHours -= this.#hours.get(hour)?.size ?? 0;
    this.#hours.delete(hour);
  }
}

function sumOf(seconds: Float64Array): Pick<DemandMinute, 'total' | 'peak'> {
  return { total: seconds.reduce((sum, cost) => sum + cost, 0), peak: Math.max(...seconds) };
}
