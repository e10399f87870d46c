import type { Kysely } from 'kysely';
import { readDeclaration, readDeclarationState, type Declaration } from './declaration.ts';
import type { Tables } from './tables.ts';

/** The declaration as it was last read. */
interface Known {
  readonly revision: number;
  readonly reading: Promise<Declaration | null>;
}

/**
 * Creates what reads the declaration; null if there is none. The bundle, which may have 64 MiB, is read and parsed once for each
 * declaration and process, however many ask: they share it, so nobody alters it. It is forgotten when nothing is declared any more.
 */
export function createDeclarationReader(db: Kysely<Tables>): () => Promise<Declaration | null> {
  let known: Known | null = null;
  const read = (revision: number): Known => {
    const started: Known = { revision, reading: readDeclaration(db) };
    started.reading.catch(() => {
      if (known === started) known = null;
    });
    return started;
  };
  return async () => {
    const state = await readDeclarationState(db);
    if (state === null) {
      known = null;
      return null;
    }
    if (known?.revision !== state.revision) known = read(state.revision);
    const declared = await known.reading;
    // Another one may have been declared between the two readings.
    return declared?.revision === state.revision ? { ...declared, ...state } : declared;
  };
}
