import { SLOT_WIDTH, STATUS_CLASSES } from './tenant-slot.ts';

/** Label value that stands for all tenants without a label of their own. */
export const OTHER_TENANTS = 'other';

/** Options of {@link TenantLabels}. */
export interface TenantLabelsOptions {
  /** Tenants with a label of their own. Default 50. */
  readonly labelsMax?: number;
  /** Monotonic clock in ms. */
  readonly nowMs: () => number;
  /** How long a label stays at least before a busier tenant may take it, in ms. Default 600,000. */
  readonly holdMs?: number;
  /** Half-life of the request count that tenants are ranked by, in ms. Default 600,000. */
  readonly halfLifeMs?: number;
}

interface TenantEntry {
  readonly tenantId: string;
  /** Requests, halved every half-life: what the ranking goes by. */
  recentRequests: number;
  /** Increments not yet added to a series; null when none. */
  pending: Float64Array | null;
  /** The totals of the tenant's own series; null while it counts in `other`. */
  totals: Float64Array | null;
  labelledAtMs: number;
  released: boolean;
}

/** A tenant without a label must be this much busier to take one, so that labels do not flap. */
const TAKEOVER_FACTOR = 2;
/** Below this many recent requests a tenant without a label is forgotten. */
const FORGET_BELOW = 0.01;

/**
 * Splits the counts of all tenants into the series of the busiest ones and `other`.
 *
 * Every increment is added to exactly one series, once, and nothing ever moves between series:
 * - a tenant that gets a label starts its series at zero; what it did before stays in `other`;
 * - a tenant that loses its label ends its series; what follows goes to `other`.
 * So no series ever goes backwards, and the sum of rates over all series is exact. A label is lost
 * when the tenant is removed, or when another has twice its traffic and no label is free.
 */
export class TenantLabels {
  /** Totals of the tenants without a label. */
  readonly other = new Float64Array(SLOT_WIDTH);
  readonly #entries = new Map<string, TenantEntry>();
  readonly #labelled = new Map<string, TenantEntry>();
  readonly #labelsMax: number;
  readonly #nowMs: () => number;
  readonly #holdMs: number;
  readonly #halfLifeMs: number;
  #settledAtMs: number;

  constructor(options: TenantLabelsOptions) {
    this.#labelsMax = options.labelsMax ?? 50;
    this.#nowMs = options.nowMs;
    this.#holdMs = options.holdMs ?? 600_000;
    this.#halfLifeMs = options.halfLifeMs ?? 600_000;
    this.#settledAtMs = options.nowMs();
  }

  /** Tenants with a label, in the order in which they got it. */
  labelled(): { readonly tenantId: string; readonly totals: Float64Array }[] {
    const rows: { tenantId: string; totals: Float64Array }[] = [];
    for (const { tenantId, totals } of this.#labelled.values()) {
      if (totals !== null) rows.push({ tenantId, totals });
    }
    return rows;
  }

  /** Takes the increments of one tenant from one worker, in the layout of tenant-slot.ts. */
  add(tenantId: string, counts: readonly number[]): void {
    const entry = this.#entry(tenantId);
    for (let i = 0; i < STATUS_CLASSES.length; i += 1) entry.recentRequests += counts[i] ?? 0;
    entry.pending ??= new Float64Array(SLOT_WIDTH);
    addInto(entry.pending, counts);
  }

  /** The tenant is removed: its series ends after the next {@link settle}. */
  release(tenantId: string): void {
    const entry = this.#entries.get(tenantId);
    if (entry !== undefined) entry.released = true;
  }

  /** Decides who has a label and adds all increments to their series. Call before each render. */
  settle(): void {
    const nowMs = this.#nowMs();
    this.#assignLabels(nowMs);
    const decay = 0.5 ** (Math.max(0, nowMs - this.#settledAtMs) / this.#halfLifeMs);
    this.#settledAtMs = nowMs;
    for (const entry of this.#entries.values()) {
      if (entry.pending !== null) addInto(entry.totals ?? this.other, entry.pending);
      entry.pending = null;
      entry.recentRequests *= decay;
      if (entry.totals === null && (entry.released || entry.recentRequests < FORGET_BELOW)) {
        this.#entries.delete(entry.tenantId);
      }
    }
  }

  #entry(tenantId: string): TenantEntry {
    let entry = this.#entries.get(tenantId);
    if (entry === undefined) {
      entry = {
        tenantId,
        recentRequests: 0,
        pending: null,
        totals: null,
        labelledAtMs: 0,
        released: false,
      };
      this.#entries.set(tenantId, entry);
    }
    return entry;
  }

  #assignLabels(nowMs: number): void {
    for (const entry of this.#labelled.values()) {
      if (entry.released && entry.pending === null) this.#endLabel(entry);
    }
    const candidates = this.#candidates();
    const weakest = this.#byTraffic([...this.#labelled.values()], nowMs);
    for (const candidate of candidates) {
      if (this.#labelled.size >= this.#labelsMax) {
        const loser = weakest.pop();
        if (loser === undefined) return;
        if (candidate.recentRequests <= loser.recentRequests * TAKEOVER_FACTOR) return;
        this.#addPendingAndEnd(loser);
      }
      candidate.totals = new Float64Array(SLOT_WIDTH);
      candidate.labelledAtMs = nowMs;
      this.#labelled.set(candidate.tenantId, candidate);
    }
  }

  /** Tenants without a label that could get one, busiest first. */
  #candidates(): TenantEntry[] {
    const found: TenantEntry[] = [];
    for (const entry of this.#entries.values()) {
      if (entry.totals !== null || entry.released || entry.tenantId === OTHER_TENANTS) continue;
      if (entry.recentRequests >= FORGET_BELOW) found.push(entry);
    }
    return found.sort((a, b) => b.recentRequests - a.recentRequests).slice(0, this.#labelsMax);
  }

  /** Labelled tenants whose hold has passed, busiest first. */
  #byTraffic(entries: TenantEntry[], nowMs: number): TenantEntry[] {
    return entries
      .filter((entry) => nowMs - entry.labelledAtMs >= this.#holdMs)
      .sort((a, b) => b.recentRequests - a.recentRequests);
  }

  #addPendingAndEnd(entry: TenantEntry): void {
    if (entry.pending !== null) addInto(this.other, entry.pending);
    entry.pending = null;
    this.#endLabel(entry);
  }

  #endLabel(entry: TenantEntry): void {
    entry.totals = null;
    this.#labelled.delete(entry.tenantId);
  }
}

function addInto(totals: Float64Array, increments: ArrayLike<number>): void {
  for (let i = 0; i < SLOT_WIDTH; i += 1) totals[i] = (totals[i] ?? 0) + (increments[i] ?? 0);
}
