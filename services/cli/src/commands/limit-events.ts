import { LimitUnit } from '@headgate/model';
import { z } from 'zod';
import type { CommandContext } from '../context.ts';
import { amount, limitLevel, limitName } from '../limit-columns.ts';
import { printValue } from '../print-value.ts';
import { formatTable, printable } from '../table.ts';

const LimitEvent = z.looseObject({
  at: z.string(),
  event: z.string(),
  tenantId: z.string(),
  level: z.string(),
  scope: z.string(),
  name: z.string(),
  kind: z.string(),
  unit: LimitUnit,
  shadow: z.boolean(),
  used: z.number().nullable(),
  capacity: z.number(),
  percent: z.number().nullable(),
});
type LimitEvent = z.infer<typeof LimitEvent>;

const EventsReply = z.looseObject({ items: z.array(LimitEvent) });

/** Options of `headgate limits events`. */
export interface LimitsEventsOptions {
  readonly tenant?: string;
  /** Most events to show. */
  readonly limit: number;
}

/** Prints which limits were nearly used up or began to refuse, newest first. */
export async function limitsEvents(
  context: CommandContext,
  { tenant, limit }: LimitsEventsOptions,
): Promise<void> {
  const query = new URLSearchParams({ limit: String(limit) });
  if (tenant !== undefined) query.set('tenantId', tenant);
  const path = `/v1/limits/events?${query.toString()}`;
  const { items } = await context.api.send(EventsReply, { method: 'GET', path });
  if (printValue(context, items)) return;
  const { terminal } = context;
  if (items.length === 0) {
    terminal.print('No limit has been near or reached since the config-service started.');
    return;
  }
  const rows = items.map((item) => cellsOf(item).map(printable));
  terminal.print(formatTable(HEADER, rows, terminal.colors.bold));
}

const HEADER = ['TIME', 'EVENT', 'TENANT', 'LEVEL', 'LIMIT', 'KIND', 'COUNTS', 'USED', 'PERCENT'];

function cellsOf(item: LimitEvent): string[] {
  const { at, event, tenantId, kind, unit, used, capacity, percent } = item;
  return [
    ...[at, event, tenantId === '' ? '-' : tenantId, limitLevel(item), limitName(item), kind, unit],
    `${used === null ? '-' : amount(item, used)} of ${amount(item, capacity)}`,
    percent === null ? '-' : `${percent} %`,
  ];
}
