import { z } from 'zod';
import type { ApiClient } from './api-client.ts';
import { CliError, EXIT } from './cli-error.ts';

/** A server that never ends its list must not keep us for ever. */
const PAGES_MAX = 4000;

/**
 * Reads a list page by page until its end, or until `countMax` items are there.
 *
 * @param path with or without a query; `limit` and `cursor` are added.
 * @param pageSize most items of a page.
 * @throws CliError for what the server refuses, and a list without end.
 */
export async function readPages<Item extends z.ZodType>(
  api: ApiClient,
  item: Item,
  path: string,
  pageSize: number,
  countMax = Infinity,
): Promise<z.output<Item>[]> {
  const page = z.object({ items: z.array(item), nextCursor: z.string().nullish() });
  const items: z.output<Item>[] = [];
  let cursor: string | null | undefined;
  for (let count = 0; count < PAGES_MAX; count++) {
    const query = new URLSearchParams({
      limit: String(Math.min(pageSize, countMax - items.length)),
    });
    if (cursor) query.set('cursor', cursor);
    const separator = path.includes('?') ? '&' : '?';
    const reply = await api.send(page, {
      method: 'GET',
      path: `${path}${separator}${query.toString()}`,
    });
    items.push(...reply.items);
    cursor = reply.nextCursor;
    if (!cursor || items.length >= countMax) return items;
  }
  throw new CliError(EXIT.failure, `${path} has more than ${pageSize * PAGES_MAX} entries`);
}
