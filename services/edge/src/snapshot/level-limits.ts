import { headroomMax, wholeCapacity, type LimitRule, type WindowRule } from '@headgate/limiting';
import type { Limit, Priority } from '@headgate/model';

/** Classes of requests by importance, as an index: critical, normal, bulk. */
export type PriorityClass = 0 | 1 | 2;

/** Above all classes. */
const NO_CLASS = 3;

const CLASSES: Readonly<Record<Priority, PriorityClass>> = { critical: 0, normal: 1, bulk: 2 };

/** The class of a route's requests. */
export function priorityClass(priority: Priority = 'normal'): PriorityClass {
  return CLASSES[priority];
}

/** A limit of one level. */
export interface LevelLimit {
  /** As it is for critical requests. */
  readonly rule: LimitRule;
  /** Units that requests of each class leave to others. */
  readonly headroom: Readonly<Record<PriorityClass, number>>;
  /** Who has a counter of its own; null: all requests of the level share one. */
  readonly per: NonNullable<Limit['per']> | null;
}

/** The limits of a level, or of several that are passed together. */
export interface LevelLimits {
  readonly all: readonly LevelLimit[];
  /** Some have a counter for each consumer, so that the chain depends on who asks. */
  readonly perConsumer: boolean;
  /** … for each client address, whoever authenticated. */
  readonly perAddress: boolean;
  /** Requests of this class and of less important ones leave something to others; above all classes for none. */
  readonly headroomFrom: number;
}

/**
 * Limits of one level, without those in shadow.
 *
 * @param timeZone of the tenant: its quotas follow the calendar there.
 */
export function levelLimits(
  limits: readonly Limit[],
  owner: Pick<LimitRule, 'level' | 'scope'>,
  timeZone: string,
): LevelLimits {
  return together(
    compileLimits(
      limits.filter(({ shadow }) => shadow !== true),
      owner,
      timeZone,
    ),
  );
}

/** Those of one level that are in shadow. */
export function shadowLimits(
  limits: readonly Limit[],
  owner: Pick<LimitRule, 'level' | 'scope'>,
  timeZone: string,
): LevelLimits {
  const inShadow = limits.filter(({ shadow }) => shadow === true);
  return together(
    compileLimits(inShadow, owner, timeZone).map((limit) => {
      return { ...limit, rule: { ...limit.rule, shadow: true } };
    }),
  );
}

function compileLimits(
  limits: readonly Limit[],
  owner: Pick<LimitRule, 'level' | 'scope'>,
  timeZone: string,
): readonly LevelLimit[] {
  return limits.map((limit) => {
    const rule = ruleOf(limit, owner, timeZone);
    return { rule, headroom: headroomOf(limit, rule), per: limit.per ?? null };
  });
}

/** Limits of several levels that a request has to pass together. */
export function joinLevels(...levels: readonly LevelLimits[]): LevelLimits {
  return together(levels.flatMap(({ all }) => all));
}

/** One for all levels without limits, as most routes are. */
const NO_LIMITS: LevelLimits = Object.freeze({
  all: [],
  perConsumer: false,
  perAddress: false,
  headroomFrom: NO_CLASS,
});

function together(all: readonly LevelLimit[]): LevelLimits {
  if (all.length === 0) return NO_LIMITS;
  return {
    all,
    perConsumer: all.some(({ per }) => per !== null),
    perAddress: all.some(({ per }) => per === 'client-ip'),
    headroomFrom: all.reduce((from, limit) => Math.min(from, headroomFrom(limit)), NO_CLASS),
  };
}

/** The rule for requests of a class. */
export function ruleOfClass({ rule, headroom }: LevelLimit, priority: PriorityClass): LimitRule {
  const units = headroom[priority];
  return units === 0 ? rule : { ...rule, headroom: units };
}

function headroomFrom({ headroom }: LevelLimit): number {
  if (headroom[1] > 0) return 1;
  return headroom[2] > 0 ? 2 : NO_CLASS;
}

/** Rounded up, but something is left to each class. */
function headroomOf({ headroom = {} }: Limit, rule: LimitRule): LevelLimit['headroom'] {
  const whole = wholeCapacity(rule);
  const units = (percent = 0): number =>
    Math.min(Math.ceil((whole * percent) / 100), headroomMax(rule));
  return { 0: 0, 1: units(headroom.normal), 2: units(headroom.bulk) };
}

function ruleOf(
  limit: Limit,
  owner: Pick<LimitRule, 'level' | 'scope'>,
  timeZone: string,
): LimitRule {
  const { name, kind, windowMs, period, onStoreLoss } = limit;
  const base = { name, limit: limit.limit, onStoreLoss, ...owner };
  if (kind === 'concurrency') return { kind, ...base };
  if (kind === 'quota') {
    if (period === undefined) throw new Error(`limit ${name}: kind quota needs a period`);
    return { kind, ...base, ...countOf(limit), period, timeZone };
  }
  if (windowMs === undefined) throw new Error(`limit ${name}: kind ${kind} needs a windowMs`);
  const rule = { ...base, windowMs };
  if (kind === 'rate') return { kind, ...rule, burst: limit.burst ?? limit.limit };
  return { kind, ...rule, ...countOf(limit) };
}

/** What the limit counts. */
function countOf({
  unit = 'requests',
  reserveBytes,
}: Limit): Pick<WindowRule, 'unit' | 'reserveBytes'> {
  return { unit, ...(reserveBytes === undefined ? {} : { reserveBytes }) };
}
