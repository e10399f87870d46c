import { z } from 'zod';
import type { CommandContext } from '../context.ts';
import { printValue } from '../print-value.ts';
import { formatTable, printable } from '../table.ts';

/** A limit as the config-service tells of it. */
const LimitState = z.looseObject({
  tenantId: z.string(),
  level: z.string(),
  scope: z.string(),
  consumer: z.string().nullable(),
  name: z.string(),
  kind: z.string(),
  limit: z.number(),
  used: z.number().nullable(),
  remaining: z.number().nullable(),
  resetMs: z.number(),
  admittedPerSecond: z.number(),
  deniedPerSecond: z.number(),
  ageMs: z.number().nullable(),
  stuck: z.boolean(),
});
type LimitState = z.infer<typeof LimitState>;
const LimitsReply = z.looseObject({ items: z.array(LimitState) });

/** Options of `headgate limits top`. */
export interface LimitsTopOptions {
  /** Used from this percentage on. */
  readonly near: number;
  /** Most limits to show. */
  readonly limit: number;
}

/** Prints the limits that are nearly used up or refuse requests, the most refused first. */
export async function limitsTop(context: CommandContext, options: LimitsTopOptions): Promise<void> {
  const { near, limit } = options;
  const path = `/v1/limits?nearPercent=${near}&limit=${limit}`;
  const { items } = await context.api.send(LimitsReply, { method: 'GET', path });
  if (printValue(context, items)) return;
  if (items.length === 0)
    context.terminal.print(`No limit is used to ${near} %, and none refuses.`);
  else printLimits(context, items);
}

/** Prints every limit of a tenant and how full it is. */
export async function limitsExplain(context: CommandContext, tenantId: string): Promise<void> {
  const path = `/v1/tenants/${encodeURIComponent(tenantId)}/limits`;
  const { items } = await context.api.send(LimitsReply, { method: 'GET', path });
  if (printValue(context, items)) return;
  if (items.length === 0) context.terminal.print(`Tenant ${printable(tenantId)} has no limits.`);
  else printLimits(context, items);
}

const HEADER = [
  ...['TENANT', 'LEVEL', 'LIMIT', 'KIND', 'USED', 'LEFT', 'RESETS IN', 'ADMITTED/S', 'DENIED/S'],
  'SEEN',
];

function printLimits({ terminal }: CommandContext, items: readonly LimitState[]): void {
  const rows = items.map((item) =>
    [
      ...[item.tenantId, placeOf(item), item.name, item.kind],
      usedText(item),
      item.remaining === null ? '-' : String(item.remaining),
      item.resetMs === 0 ? '-' : duration(item.resetMs),
      rate(item.admittedPerSecond),
      rate(item.deniedPerSecond),
      item.ageMs === null ? 'never' : `${duration(item.ageMs)} ago${item.stuck ? ', STUCK' : ''}`,
    ].map(printable),
  );
  terminal.print(formatTable(HEADER, rows, terminal.colors.bold));
}

/** `7 of 10`. What a rate has room for is its burst, of which only reports tell. */
function usedText({ used, remaining, kind, limit }: LimitState): string {
  if (used !== null) return `${used} of ${used + (remaining ?? 0)}`;
  return kind === 'rate' ? '-' : `- of ${limit}`;
}

/** `route login, 192.0.2.1` */
function placeOf({ level, scope, consumer }: LimitState): string {
  const place = scope === '' ? level : `${level} ${scope}`;
  if (consumer === null) return place;
  return `${place}, ${consumer.startsWith('k') ? 'key ' : ''}${consumer.slice(1)}`;
}

function rate(value: number): string {
  return value === 0 ? '-' : value.toFixed(1);
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
