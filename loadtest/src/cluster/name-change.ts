/** What a row of the audit says about the name of a tenant. */
export interface NameChange {
  /** Absent if there was none before. */
  readonly before?: unknown;
  readonly after?: unknown;
}

/** Finds the change of a name in a row of `/v1/audit`; undefined if the name stayed. */
export function nameChangeOf(row: Readonly<Record<string, unknown>>): NameChange | undefined {
  const changes = row['changes'] as readonly (NameChange & { readonly path: string })[]; // of our own service
  return changes.find(({ path }) => path === 'name');
}
