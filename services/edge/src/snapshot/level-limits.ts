import type { LimitRule, WindowRule } from '@headgate/limiting';
import type { Limit } from '@headgate/model';

/** A limit of one level. */
export interface LevelLimit {
  readonly rule: LimitRule;
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
): readonly LevelLimit[] {
  const inShadow = limits.filter(({ shadow }) => shadow === true);
  return compileLimits(inShadow, owner, timeZone).map(({ rule, per }) => {
    return { rule: { ...rule, shadow: true }, per };
  });
}

function compileLimits(
  limits: readonly Limit[],
  owner: Pick<LimitRule, 'level' | 'scope'>,
  timeZone: string,
): readonly LevelLimit[] {
  return limits.map((limit) => {
    return { rule: ruleOf(limit, owner, timeZone), per: limit.per ?? null };
  });
}

/** Limits of several levels that a request has to pass together. */
export function joinLevels(...levels: readonly LevelLimits[]): LevelLimits {
  return together(levels.flatMap(({ all }) => all));
}

function together(all: readonly LevelLimit[]): LevelLimits {
  return {
    all,
    perConsumer: all.some(({ per }) => per !== null),
    perAddress: all.some(({ per }) => per === 'client-ip'),
  };
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
