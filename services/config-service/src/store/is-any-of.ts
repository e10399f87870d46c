import { sql, type RawBuilder } from 'kysely';

/** `column = any(array)`: one parameter however long the list is, unlike `in (…)`. */
export function isAnyOf(
  column: string | RawBuilder<unknown>,
  values: readonly string[],
): RawBuilder<boolean> {
  const left = typeof column === 'string' ? sql.ref(column) : column;
  return sql<boolean>`${left} = any(${[...values]}::text[])`;
}
