import type { ConfigApi } from './config-api.ts';

/** More pages than any scenario fills. */
const PAGES_MAX = 10_000;

/**
 * Reads all pages of a list.
 *
 * @param path with a query, such as `/v1/audit?limit=200`
 * @throws Error with the answer if a page is refused
 */
export async function readPages(
  api: Pick<ConfigApi, 'send'>,
  path: string,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const all: Readonly<Record<string, unknown>>[] = [];
  let cursor: string | null = '';
  for (let page = 0; cursor !== null && page < PAGES_MAX; page += 1) {
    const next: string = cursor === '' ? '' : `&cursor=${cursor}`;
    const { status, body } = await api.send('GET', `${path}${next}`);
    if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
    const { items, nextCursor } = body as { items: typeof all; nextCursor: string | null }; // of our own service
    all.push(...items);
    cursor = nextCursor;
  }
  return all;
}
