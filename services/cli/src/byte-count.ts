const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** A count of bytes for people, in powers of 1,000 as limits are written: `640 B`, `65.5 kB`, `50 MB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // What rounds to 1000 of a unit is 1 of the next.
  while (Math.round(Math.abs(value)) >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 ? 0 : Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0;
  return `${Number(value.toFixed(digits))} ${UNITS[unit]}`;
}
