import { createCalendar, PERIOD_MS, type QuotaPeriod } from './calendar.ts';

/** What a limit counts: requests by their cost, or the bytes of their bodies in one direction. */
export type LimitUnit = 'requests' | 'request-bytes' | 'response-bytes';

/** Levels whose limits tenants share: the pool of a plan, and that of the platform. */
export type SharedLevel = 'pool' | 'platform';

/** What all kinds of limits have. */
interface RuleBase {
  /** Policy name in response headers and problem documents, e.g. `sec`: printable ASCII, 1–64 characters. */
  readonly name: string;
  /**
   * What shares the allowance: the requests of a tenant, of one API key or of one route; or, of the shared levels, those of
   * all tenants of an entity of a pool.
   */
  readonly level: 'tenant' | 'key' | 'route' | SharedLevel;
  /** Units of cost, 1 … 2^50. */
  readonly limit: number;
  /**
   * What an edge does while the store is lost: `share` enforces its part of the limit in memory,
   * `closed` refuses (503), `open` admits and counts.
   */
  readonly onStoreLoss: 'share' | 'closed' | 'open';
  /** Empty at tenant level, else the id of the API key or route, or the entity of the pool; any text. */
  readonly scope: string;
  /**
   * Units that are left to requests of more important classes, whose rules are equal but for this: what such a rule admits
   * fits beside them. Of a rate units of its burst. 0 (default) … {@link headroomMax}.
   */
  readonly headroom?: number;
  /** Within the level each consumer has an allowance of its own; any text. Absent: all share one. */
  readonly consumer?: string;
  /** Its refusals are only counted: it is in a chain of its own, whose verdicts nobody heeds. Absent: false. */
  readonly shadow?: boolean;
}

/** Least `reserveBytes` of a limit that is no less itself. */
const RESERVE_BYTES_MIN = 4096;

/** What rules that can count bytes have. */
interface CountingRule extends RuleBase {
  /** Absent: requests. */
  readonly unit?: LimitUnit;
  /**
   * Bytes that are taken at once of a body whose length is not known: {@link RESERVE_BYTES_MIN}, or `limit` if that is less,
   * … `limit`. Default: 64 KiB, or `limit` if that is less.
   */
  readonly reserveBytes?: number;
}

/** At most `limit` units of cost in any window of `windowMs`. */
export interface WindowRule extends CountingRule {
  /** Absent means the same. */
  readonly kind?: 'window';
  /** Length of the trailing window in ms, 1 … 366 days. */
  readonly windowMs: number;
}

/** A pace (GCRA): at most `burst + limit / windowMs × t` units of cost in any time t. */
export interface RateRule extends RuleBase {
  readonly kind: 'rate';
  /** The time in ms in which `limit` units come back, 1 … 366 days. */
  readonly windowMs: number;
  /** Units that may come at once after a pause, `burstMin` or more; `burst × windowMs` is at most RATE_SPAN_MAX. */
  readonly burst: number;
}

/** At most `limit` units of cost in flight: a slot is held from the admission of a request until it ends. */
export interface ConcurrencyRule extends RuleBase {
  readonly kind: 'concurrency';
}

/** At most `limit` units of cost in a period of the calendar. */
export interface QuotaRule extends CountingRule {
  readonly kind: 'quota';
  readonly period: QuotaPeriod;
  /** Name of the IANA database in whose time periods begin. */
  readonly timeZone: string;
}

/** One limit of a tenant, of one of its API keys or routes, of a consumer of these, or of a pool. */
export type LimitRule = WindowRule | RateRule | ConcurrencyRule | QuotaRule;

/** Largest accepted limit: sums of two of them stay exact in a double, in JavaScript and in Lua. */
export const LIMIT_MAX = 2 ** 50;

/** Longest accepted window, 366 days in ms. */
export const WINDOW_MS_MAX = 366 * 86_400_000;

/** Largest `burst × windowMs` of a rate: in microseconds the product is still an exact double. */
export const RATE_SPAN_MAX = 9e12;

/**
 * Smallest burst of a rate: what comes back in a microsecond, the step of its clock. A meter with less would refuse what
 * the rate allows. It is 1 up to a million units per second.
 */
export function burstMin(limit: number, windowMs: number): number {
  return Math.ceil(limit / (windowMs * 1000));
}

/** What the rule counts. */
export function ruleUnit(rule: LimitRule): LimitUnit {
  if (rule.kind === 'rate' || rule.kind === 'concurrency') return 'requests';
  return rule.unit ?? 'requests';
}

/** Length in ms of a rule's window, or about that of its period; 0 for slots. */
export function ruleSpanMs(rule: LimitRule): number {
  if (rule.kind === 'concurrency') return 0;
  return rule.kind === 'quota' ? PERIOD_MS[rule.period] : rule.windowMs;
}

/** The most units that all classes of requests together can be admitted at once. */
export function wholeCapacity(rule: LimitRule): number {
  return rule.kind === 'rate' ? rule.burst : rule.limit;
}

/** The most units that can be admitted at once under the rule: it leaves its headroom to others. */
export function ruleCapacity(rule: LimitRule): number {
  return wholeCapacity(rule) - (rule.headroom ?? 0);
}

/** Throws a RangeError that names the bad field: rules come from validated configuration, so this is a bug. */
export function assertLimitRule(rule: LimitRule): void {
  if (!/^[\x20-\x7e]{1,64}$/.test(rule.name)) {
    throw new RangeError(`rule name must be 1-64 printable ASCII characters: ${rule.name}`);
  }
  if (!isIntegerUpTo(rule.limit, LIMIT_MAX)) {
    throw new RangeError(`limit of rule ${rule.name} must be an integer 1..2^50: ${rule.limit}`);
  }
  if (!isHeadroom(rule)) {
    throw new RangeError(`headroom of rule ${rule.name} is out of range: ${rule.headroom}`);
  }
  if (rule.kind === 'concurrency') return;
  if (rule.kind !== 'rate' && !isReserve(rule.reserveBytes ?? rule.limit, rule.limit)) {
    throw new RangeError(`reserveBytes of rule ${rule.name} is out of range: ${rule.reserveBytes}`);
  }
  if (rule.kind === 'quota') {
    createCalendar(rule.period, rule.timeZone);
    return;
  }
  if (!isIntegerUpTo(rule.windowMs, WINDOW_MS_MAX)) {
    throw new RangeError(`windowMs of rule ${rule.name} is out of range: ${rule.windowMs}`);
  }
  if (rule.kind !== 'rate') return;
  const isInRange = isIntegerUpTo(rule.burst, RATE_SPAN_MAX / rule.windowMs);
  if (!isInRange || rule.burst < burstMin(rule.limit, rule.windowMs)) {
    throw new RangeError(`burst of rule ${rule.name} is out of range: ${rule.burst}`);
  }
}

/** Most units that a rule may hold back: so many that one, or {@link burstMin}, is left. */
export function headroomMax(rule: LimitRule): number {
  return wholeCapacity(rule) - (rule.kind === 'rate' ? burstMin(rule.limit, rule.windowMs) : 1);
}

function isHeadroom(rule: LimitRule): boolean {
  const { headroom = 0 } = rule;
  return headroom === 0 || isIntegerUpTo(headroom, headroomMax(rule));
}

/** A body that is taken in tiny steps would cost its worker, and the store, work for each of its bytes. */
function isReserve(reserveBytes: number, limit: number): boolean {
  return isIntegerUpTo(reserveBytes, limit) && reserveBytes >= Math.min(RESERVE_BYTES_MIN, limit);
}

function isIntegerUpTo(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= max;
}
