import { z } from 'zod';
import { readBundleSource } from '../bundle-source.ts';
import type { CommandContext } from '../context.ts';
import { checkBundle } from '../faults.ts';
import { printValue } from '../print-value.ts';
import { formatTable, printable } from '../table.ts';

const Item = z.looseObject({
  tenantId: z.string(),
  level: z.string(),
  scope: z.string(),
  name: z.string(),
  kind: z.string(),
  refusedMin: z.number(),
  refusedNowMin: z.number(),
  demand: z.number(),
  minutes: z.number(),
  worst: z.string(),
  worstMin: z.number(),
});
const WhatIfReply = z.looseObject({
  from: z.string().nullable(),
  until: z.string().nullable(),
  tenants: z.number(),
  withDemand: z.number(),
  items: z.array(Item),
  notJudged: z.array(z.looseObject({ planId: z.string(), name: z.string(), why: z.string() })),
});
type WhatIfReply = z.infer<typeof WhatIfReply>;

/** Options of `headgate limits what-if`. */
export interface WhatIfOptions {
  /** Most limits to show. */
  readonly limit: number;
}

/** Large bundles, and a day of many tenants, take their time. */
const TIMEOUT_MS = 120_000;

const HEADER = [
  ...['TENANT', 'LEVEL', 'LIMIT', 'KIND', 'REFUSED', 'NOW', 'OF', 'MINUTES', 'WORST MINUTE'],
];

/**
 * Prints who would have been refused by proposed limits, by what tenants asked for in the last hours. Nothing is written.
 *
 * @throws CliError if the bundle is not valid.
 */
export async function whatIf(
  context: CommandContext,
  file: string,
  { limit }: WhatIfOptions,
): Promise<void> {
  const { api, io, terminal } = context;
  const source = await readBundleSource(file, io.stdin);
  checkBundle(source);
  const path = `/v1/limits/what-if?limit=${limit}`;
  const request = {
    method: 'POST',
    path,
    body: source.value,
    timeoutMs: TIMEOUT_MS,
    source,
  } as const;
  const reply = await terminal.progress('replaying', api.send(WhatIfReply, request));
  if (printValue(context, reply)) return;
  terminal.print(describe(reply));
  if (reply.items.length > 0) {
    const rows = reply.items.map((item) => rowOf(item).map(printable));
    terminal.print(`\n${formatTable(HEADER, rows, terminal.colors.bold)}`);
  }
  for (const { planId, name, why } of reply.notJudged) {
    terminal.print(printable(`Not judged: ${name} of plan ${planId}: ${why}.`));
  }
}

function describe({ from, until, tenants, withDemand, items }: WhatIfReply): string {
  if (from === null || until === null) return 'No edge has told of any requests yet.';
  const known = `Requests from ${from} until ${until}, of ${withDemand} of ${tenants} tenants.`;
  if (items.length === 0) return `${known}\nNothing of that would certainly have been refused.`;
  return `${known}\nEach minute is known by its total and its busiest second: at least this would have been refused, by each limit alone.`;
}

function rowOf(item: WhatIfReply['items'][number]): string[] {
  return [
    item.tenantId === '' ? '-' : item.tenantId,
    item.scope === '' ? item.level : `${item.level} ${item.scope}`,
    ...[item.name, item.kind],
    atLeast(item.refusedMin),
    item.refusedNowMin === 0 ? '-' : atLeast(item.refusedNowMin),
    ...[String(item.demand), String(item.minutes)],
    `${item.worst}: ${atLeast(item.worstMin)}`,
  ];
}

function atLeast(cost: number): string {
  return `≥ ${cost}`;
}
