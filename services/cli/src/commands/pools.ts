import { z } from 'zod';
import type { CommandContext } from '../context.ts';
import { LIMIT_HEADER, limitCells, LimitState } from '../limit-columns.ts';
import { printValue } from '../print-value.ts';
import { formatTable, printable } from '../table.ts';

const BlastRadius = z.looseObject({ tenants: z.number(), ofPool: z.number(), ofAll: z.number() });
const Pool = z.looseObject({
  planId: z.string(),
  entities: z.number(),
  tenants: z.number(),
  blastRadius: BlastRadius,
  places: z.array(
    z.looseObject({
      entity: z.number(),
      tenants: z.number(),
      blastRadius: BlastRadius,
      limits: z.array(LimitState),
    }),
  ),
});
type Pool = z.infer<typeof Pool>;
const PoolsReply = z.looseObject({
  items: z.array(Pool),
  /** An older config-service does not say it. */
  truncated: z.boolean().default(false),
});

/** Options of `headgate limits pools`. */
export interface PoolsOptions {
  /** Most places of each pool to show. */
  readonly places: number;
}

/** Prints who shares a place of a pool, whom one of them can stop, and how full the places are. */
export async function limitsPools(
  context: CommandContext,
  planId: string | undefined,
  { places }: PoolsOptions,
): Promise<void> {
  const query = new URLSearchParams({ places: String(places) });
  if (planId !== undefined) query.set('planId', planId);
  const path = `/v1/limits/pools?${query.toString()}`;
  const { items, truncated } = await context.api.send(PoolsReply, { method: 'GET', path });
  const { terminal } = context;
  if (truncated) {
    terminal.note(
      `There are more pools than these ${items.length}: name the plan of any other, as in: headgate limits pools PLAN`,
    );
  }
  if (printValue(context, items)) return;
  if (items.length === 0) {
    const which = planId === undefined ? 'No plan' : `No plan "${printable(planId)}"`;
    terminal.print(`${which} has a pool that this token may see.`);
    return;
  }
  for (const pool of items) terminal.print(printable(describe(pool)));
  const rows = items.flatMap(rowsOf);
  if (rows.length > 0) terminal.print(`\n${formatTable(HEADER, rows, terminal.colors.bold)}`);
}

function describe({ planId, entities, tenants, blastRadius }: Pool): string {
  const shared = `${planId}: ${count(tenants, 'tenant')} in ${count(entities, 'place')}.`;
  if (blastRadius.tenants === 0) return `${shared} None shares a place with another.`;
  const { tenants: others, ofPool, ofAll } = blastRadius;
  return `${shared} One of them can stop up to ${count(others, 'other')}: ${percent(ofPool)} of the pool, ${percent(ofAll)} of all tenants.`;
}

const HEADER = ['PLACE', 'TENANTS', 'STOPS', 'OF POOL', 'OF ALL', ...LIMIT_HEADER];

function rowsOf({ planId, places }: Pool): string[][] {
  return places.flatMap(({ entity, tenants, blastRadius, limits }) => {
    const { tenants: others, ofPool, ofAll } = blastRadius;
    const place = [`${planId}.${entity}`, String(tenants), String(others)];
    return limits.map((limit) =>
      [...place, percent(ofPool), percent(ofAll), ...limitCells(limit)].map(printable),
    );
  });
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function percent(part: number): string {
  return part === 0 ? '-' : `${Number((part * 100).toFixed(1))} %`;
}
