/** The deepest valid body, a bundle, has about ten levels. */
const LEVELS_MAX = 32;

/**
 * Whether JSON is nested deeper than anything valid. Parsing it is harmless, but code that follows it
 * recursively (schemas, `JSON.stringify`) would run out of stack. Iterative for that reason.
 */
export function isNestedTooDeep(value: unknown): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > LEVELS_MAX) return true;
    const next: unknown[] = [];
    for (const item of level) {
      if (typeof item !== 'object' || item === null) continue;
      for (const inner of Object.values(item)) {
        if (typeof inner === 'object' && inner !== null) next.push(inner);
      }
    }
    level = next;
  }
  return false;
}
