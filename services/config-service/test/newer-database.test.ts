import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { providePGlite, temporaryDirectory } from '@headgate/testkit';
import { sql } from 'kysely';
import { openDatabase } from '../src/store/database.ts';

test('a database that a newer release has migrated is refused by name, and left as it is', async () => {
  const directory = await temporaryDirectory('newer-database');
  const location = { kind: 'pglite', directory: directory.path } as const;
  try {
    await providePGlite(join(directory.path, 'pglite'));
    const present = await openDatabase(location, () => undefined);
    await sql`
      insert into kysely_migration (name, timestamp) values ('9999-later', '2030-01-01T00:00:00Z')
    `.execute(present.db);
    await present.close();
    for (const attempt of ['first', 'second']) {
      await assert.rejects(
        openDatabase(location, () => undefined),
        ({ message }: Error) => /newer release \(it has 9999-later\)/.test(message),
        attempt,
      );
    }
  } finally {
    await directory.remove();
  }
});
