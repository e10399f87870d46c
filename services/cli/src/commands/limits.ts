import { z } from 'zod';
import type { CommandContext } from '../context.ts';
import { LIMIT_HEADER, limitCells, limitLevel, LimitState } from '../limit-columns.ts';
import { printValue } from '../print-value.ts';
import { formatTable, printable } from '../table.ts';

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

const HEADER = ['TENANT', 'LEVEL', ...LIMIT_HEADER];

function printLimits({ terminal }: CommandContext, items: readonly LimitState[]): void {
  const rows = items.map((item) =>
    [item.tenantId, placeOf(item), ...limitCells(item)].map(printable),
  );
  terminal.print(formatTable(HEADER, rows, terminal.colors.bold));
}

/** `route login, 192.0.2.1` */
function placeOf(item: LimitState): string {
  const { consumer } = item;
  const level = limitLevel(item);
  if (consumer === null) return level;
  return `${level}, ${consumer.startsWith('k') ? 'key ' : ''}${consumer.slice(1)}`;
}
