import { LimitUnit } from '@headgate/model';
import { z } from 'zod';
import { formatBytes } from './byte-count.ts';

/** A limit as the config-service tells of it; an older one says nothing of units and shadows. */
export const LimitState = z.looseObject({
  tenantId: z.string(),
  level: z.string(),
  scope: z.string(),
  consumer: z.string().nullable(),
  name: z.string(),
  kind: z.string(),
  unit: LimitUnit.default('requests'),
  shadow: z.boolean().default(false),
  limit: z.number(),
  used: z.number().nullable(),
  remaining: z.number().nullable(),
  resetMs: z.number(),
  admittedPerSecond: z.number(),
  deniedPerSecond: z.number(),
  ageMs: z.number().nullable(),
  stuck: z.boolean(),
});
export type LimitState = z.infer<typeof LimitState>;

/** Titles of {@link limitCells}. */
export const LIMIT_HEADER = [
  ...['LIMIT', 'KIND', 'COUNTS', 'USED', 'LEFT', 'RESETS IN', 'ADMITTED/S', 'DENIED/S', 'SEEN'],
] as const;

/** How full a limit is, for people; bytes in powers of 1,000. Not yet printable. */
export function limitCells(item: LimitState): string[] {
  const { kind, unit, remaining, resetMs } = item;
  const { admittedPerSecond, deniedPerSecond } = item;
  const admitted =
    unit === 'requests' ? admittedPerSecond.toFixed(1) : amount(item, admittedPerSecond);
  return [
    ...[limitName(item), kind, unit, usedText(item)],
    remaining === null ? '-' : amount(item, remaining),
    resetMs === 0 ? '-' : duration(resetMs),
    admittedPerSecond === 0 ? '-' : admitted,
    deniedPerSecond === 0 ? '-' : deniedPerSecond.toFixed(1),
    seenText(item),
  ];
}

/** `7 of 10`. What a rate has room for is its burst, of which only reports tell. */
function usedText(item: LimitState): string {
  const { used, remaining, kind, limit } = item;
  if (used !== null) return `${amount(item, used)} of ${amount(item, used + (remaining ?? 0))}`;
  return kind === 'rate' ? '-' : `- of ${amount(item, limit)}`;
}

/** `minute`, `minute (shadow)`. */
export function limitName({ name, shadow }: Pick<LimitState, 'name' | 'shadow'>): string {
  return shadow ? `${name} (shadow)` : name;
}

/** `tenant`, `route login`. */
export function limitLevel({ level, scope }: Pick<LimitState, 'level' | 'scope'>): string {
  return scope === '' ? level : `${level} ${scope}`;
}

/** Units for people; bytes in powers of 1,000. */
export function amount({ unit }: Pick<LimitState, 'unit'>, units: number): string {
  return unit === 'requests' ? String(units) : formatBytes(units);
}

function seenText({ ageMs, stuck }: LimitState): string {
  return ageMs === null ? 'never' : `${duration(ageMs)} ago${stuck ? ', STUCK' : ''}`;
}

/** `450ms`, `12s`, `3m 20s`, `5h 10m`, `12d 3h`. */
function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${seconds % 60}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)}h ${minutes % 60}m`;
  return `${Math.floor(minutes / 1440)}d ${Math.floor((minutes % 1440) / 60)}h`;
}
