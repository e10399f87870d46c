/**
 * What stands behind the number of a limit: `/1m`, `/month`, ` in flight`, and for whom it counts.
 *
 * @param limit as the server or a bundle has it.
 * @param windowText how its window is written.
 */
export function limitSpan(
  { kind, windowMs, period, per }: Readonly<Record<string, unknown>>,
  windowText: (windowMs: unknown) => string,
): string {
  const each = typeof per === 'string' ? ` per ${per}` : '';
  if (kind === 'concurrency') return ` in flight${each}`;
  return `/${kind === 'quota' ? String(period) : windowText(windowMs)}${each}`;
}
