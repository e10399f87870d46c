const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Reads a time such as `500ms`, `30s`, `5m` or `1h` as ms; null for what is none. */
export function readDuration(text: string): number | null {
  const [, count, unit = ''] = /^(\d{1,12})(ms|s|m|h)$/.exec(text) ?? [];
  const unitMs = UNIT_MS[unit];
  return count === undefined || unitMs === undefined ? null : Number(count) * unitMs;
}
