import { USAGE_ENTRIES_MAX, type LimitUsage } from '@headgate/bus';

/** Limits that are merged at once; further ones are left out. */
const LIMITS_MAX = 8192;

/** Joins what several chains or workers saw of the same limits: one that counts something else, or in another time, is another. */
export class UsageMerge {
  #limits = new Map<string, LimitUsage>();

  add(usage: LimitUsage): void {
    const { tenantId, level, scope, consumer, kind, unit, spanMs, name } = usage;
    // Ids and names hold no blank; a consumer, which may, comes last.
    const limit = `${tenantId} ${level} ${scope} ${kind} ${unit} ${spanMs} ${name}`;
    const key = `${limit} ${consumer ?? ''}`;
    const known = this.#limits.get(key);
    if (known !== undefined) this.#limits.set(key, joined(known, usage));
    else if (this.#limits.size < LIMITS_MAX) this.#limits.set(key, usage);
  }

  /** Those that matter most, at most {@link USAGE_ENTRIES_MAX}; it begins anew. */
  take(): readonly LimitUsage[] {
    const all = [...this.#limits.values()];
    this.#limits = new Map();
    return mostImportant(all);
  }
}

/** What decides whether a limit is told of. */
export type UsageWeight = Pick<
  LimitUsage,
  'denied' | 'remaining' | 'capacity' | 'admitted' | 'consumer'
>;

/** Counters of consumers get this many places if other limits need the rest. */
const CONSUMERS_MAX = USAGE_ENTRIES_MAX / 2;

/**
 * At most {@link USAGE_ENTRIES_MAX} of them: those that refuse most first, then the fullest. Clients that come from ever new
 * addresses leave half of the places to limits that have one counter.
 */
export function mostImportant<Usage extends UsageWeight>(all: readonly Usage[]): readonly Usage[] {
  if (all.length <= USAGE_ENTRIES_MAX) return all;
  const weights = all.map((usage, index) => ({ index, weight: weightOf(usage) }));
  weights.sort((left, right) => right.weight - left.weight);
  const others = all.filter(({ consumer }) => consumer === null).length;
  let consumersLeft = Math.max(CONSUMERS_MAX, USAGE_ENTRIES_MAX - others);
  const found: Usage[] = [];
  for (const { index } of weights) {
    const usage = all[index];
    if (usage === undefined || found.length === USAGE_ENTRIES_MAX) break;
    if (usage.consumer !== null) {
      if (consumersLeft === 0) continue;
      consumersLeft -= 1;
    }
    found.push(usage);
  }
  return found;
}

/**
 * The newer one knows best what is left, if it knows. While a limit changes, workers have it in two sizes: the larger one
 * has allowed all that was admitted.
 */
function joined(known: LimitUsage, newer: LimitUsage): LimitUsage {
  const says = newer.remaining === null ? known : newer;
  return {
    ...newer,
    limit: Math.max(known.limit, newer.limit),
    capacity: Math.max(known.capacity, newer.capacity),
    admitted: known.admitted + newer.admitted,
    alone: known.alone + newer.alone,
    denied: known.denied + newer.denied,
    remaining: says.remaining,
    resetMs: says.resetMs,
  };
}

function weightOf({ denied, remaining, capacity, admitted }: UsageWeight): number {
  const used = remaining === null ? 0 : 1 - remaining / Math.max(1, capacity);
  return (denied > 0 ? 2 + denied : 0) + used + Math.min(admitted, 1e6) / 1e7;
}
