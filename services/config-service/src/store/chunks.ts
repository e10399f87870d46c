/**
 * Rows per statement. PGlite runs in this process and a statement blocks its event loop, so large
 * batches go in steps of about 50 ms; larger chunks are hardly faster.
 */
export const CHUNK_ROWS = 500;

/** Cuts a list into pieces of at most 500 items. */
export function* inChunks<Item>(items: readonly Item[]): Generator<readonly Item[]> {
  for (let start = 0; start < items.length; start += CHUNK_ROWS) {
    yield items.slice(start, start + CHUNK_ROWS);
  }
}
