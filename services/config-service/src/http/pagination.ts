import { ID_PATTERN } from '@headgate/model';
import { z } from 'zod';
import { queryInteger } from './query-integer.ts';

/** Items of a page when the client does not say. */
const LIMIT_DEFAULT = 100;
/** Most items of a page, unless an operation allows less. */
const LIMIT_MAX = 500;
/** At most 16 digits: below 2^53. */
const SEQUENCE_PATTERN = /^[1-9]\d{0,14}$/;

/** Query parameters of a list in the order of ids. */
export const PageQuery = pageQuery(decodeCursor);

/** Query parameters of a list in the order of a rising number, newest first. */
export function sequencePageQuery(limitMax = LIMIT_MAX) {
  return pageQuery(decodeSequenceCursor, limitMax);
}

/**
 * Query parameters of a list.
 *
 * @param decode reads a cursor; null if it is none of this list.
 * @param limitMax most items of a page.
 */
export function pageQuery(decode: (cursor: string) => unknown, limitMax = LIMIT_MAX) {
  const limitDefault = Math.min(LIMIT_DEFAULT, limitMax);
  return z.strictObject({
    limit: queryInteger(1, limitMax)
      .default(limitDefault)
      .describe(`Most items to return, 1 to ${limitMax}; default ${limitDefault}.`),
    cursor: z
      .string()
      .max(128)
      .refine((cursor) => decode(cursor) !== null, { error: 'must be a nextCursor of a reply' })
      .optional()
      .describe('`nextCursor` of the page before.'),
  });
}

/** A cursor that continues after this id. It names no tenant: it means nothing outside of its list. */
export function encodeCursor(id: string): string {
  return Buffer.from(id, 'utf8').toString('base64url');
}

/** The id behind a cursor, or null if it is not a cursor. */
export function decodeCursor(cursor: string): string | null {
  const id = Buffer.from(cursor, 'base64url').toString('utf8');
  return ID_PATTERN.test(id) && encodeCursor(id) === cursor ? id : null;
}

/** The number behind a cursor, or null if it is not a cursor of a list in the order of numbers. */
export function decodeSequenceCursor(cursor: string): number | null {
  const id = decodeCursor(cursor);
  return id !== null && SEQUENCE_PATTERN.test(id) ? Number(id) : null;
}

/** Shape of a page. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({
    items: z.array(item),
    nextCursor: z.string().nullable().describe('Null on the last page.'),
  });
}

/** Builds a page from up to `limit + 1` items: the one too many shows that there is another page. */
export function toPage<Item>(
  items: readonly Item[],
  limit: number,
  cursorOf: (item: Item) => string | number,
) {
  const shown = items.slice(0, limit);
  const last = shown.at(-1);
  const more = items.length > limit && last !== undefined;
  return { items: shown, nextCursor: more ? encodeCursor(String(cursorOf(last))) : null };
}
