import { setImmediate } from 'node:timers/promises';
import type { SpecByKind, Stored } from '../store/kinds.ts';
import type { SessionStore } from '../store/session-store.ts';

/** Resources read and worked on before others get their turn. */
const PAGE = 200;

/** All plans or tenants that the session sees, in the order of their ids, page by page. */
export async function* pagesOf<Kind extends 'plan' | 'tenant'>(
  store: SessionStore,
  kind: Kind,
): AsyncGenerator<readonly Stored<SpecByKind[Kind]>[], void> {
  let after: string | null = null;
  for (;;) {
    const page: readonly Stored<SpecByKind[Kind]>[] = await store.list(kind, null, {
      limit: PAGE,
      after,
    });
    if (page.length > 0) yield page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    after = last.id;
    await setImmediate();
  }
}
