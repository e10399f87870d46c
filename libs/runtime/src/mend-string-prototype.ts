/** Loads after which V8 has looked at a prototype: it waits for a few before it makes one fast. */
const LOADS = 20;

/**
 * Makes the methods of strings fast again in this process. Call it when all modules are loaded, before the hot path runs.
 *
 * A class that extends String (ioredis 6 has one, for verbatim strings of RESP3) turns `String.prototype` into a
 * dictionary. Optimised code can then neither look up `charCodeAt` and its like in advance nor inline them, which took
 * 7 % of the CPU time of a request. V8 makes the prototype fast when a property is loaded through an object that has
 * it, which primitive strings are not.
 */
export function mendStringPrototype(): void {
  const load = (text: object): unknown => (text as { charCodeAt?: unknown }).charCodeAt; // a new place to load from
  for (let count = 0; count < LOADS; count += 1) load(new String(''));
}
