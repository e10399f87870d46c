import { bucketShape, type BucketShape } from './bucket-shape.ts';
import { createCalendar, type Calendar } from './calendar.ts';
import { limitKey } from './limit-key.ts';
import {
  ruleCapacity,
  ruleUnit,
  type ConcurrencyRule,
  type LimitRule,
  type LimitUnit,
  type QuotaRule,
  type RateRule,
  type WindowRule,
} from './limit-rule.ts';

/** What all compiled rules have. */
interface CompiledBase {
  /**
   * Store key of the rule's usage; equal keys mean equal rules but for `limit`, `burst`, `headroom` and
   * `onStoreLoss`.
   */
  readonly key: string;
  /** The most units that can be admitted at once: a larger cost never fits. */
  readonly capacity: number;
  readonly unit: LimitUnit;
  /**
   * The rule's numbers as the take script reads them; a kind other than `window` begins with its letter, and a rule that
   * counts bytes with `in` or `out` ahead of that.
   */
  readonly storeArguments: readonly string[];
}

/** A window with its buckets. */
export interface CompiledWindow extends CompiledBase, BucketShape {
  readonly kind: 'window';
  readonly rule: WindowRule;
}

/** A pace. */
export interface CompiledRate extends CompiledBase {
  readonly kind: 'rate';
  readonly rule: RateRule;
}

/** Slots. */
export interface CompiledConcurrency extends CompiledBase {
  readonly kind: 'concurrency';
  readonly rule: ConcurrencyRule;
}

/** A calendar quota. */
export interface CompiledQuota extends CompiledBase {
  readonly kind: 'quota';
  readonly rule: QuotaRule;
  readonly calendar: Calendar;
}

/** A rule with everything that can be known before a request comes. */
export type CompiledRule = CompiledWindow | CompiledRate | CompiledConcurrency | CompiledQuota;

const STORE_UNITS = { requests: [], 'request-bytes': ['in'], 'response-bytes': ['out'] } as const;

/**
 * Compiles a rule that `assertLimitRule` has passed.
 *
 * @param tag the part of its key that decides the slot.
 */
export function compileRule(tag: string, rule: LimitRule): CompiledRule {
  const key = limitKey(tag, rule);
  const { limit } = rule;
  const unit = ruleUnit(rule);
  const capacity = ruleCapacity(rule);
  if (rule.kind === 'concurrency') {
    const storeArguments = ['c', String(capacity)];
    return { kind: 'concurrency', rule, key, capacity, unit, storeArguments };
  }
  if (rule.kind === 'quota') {
    const calendar = createCalendar(rule.period, rule.timeZone);
    const storeArguments = [...STORE_UNITS[unit], 'q', String(capacity)];
    return { kind: 'quota', rule, key, capacity, unit, storeArguments, calendar };
  }
  const { windowMs } = rule;
  if (rule.kind === 'rate') {
    const storeArguments = ['r', String(limit), String(windowMs), String(capacity)];
    return { kind: 'rate', rule, key, capacity, unit, storeArguments };
  }
  const shape = bucketShape(limit, windowMs); // of the whole limit: the rules of all classes share the buckets
  const numbers = [String(capacity), String(shape.bucketMs), String(shape.bucketCount)];
  const storeArguments = [...STORE_UNITS[unit], ...numbers];
  return { kind: 'window', rule, key, capacity, unit, storeArguments, ...shape };
}
