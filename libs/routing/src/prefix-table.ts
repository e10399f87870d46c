/** `/a/` and `/a` are the same prefix; the root is `/`. */
export function canonicalPrefix(prefix: string): string {
  return prefix.length > 1 && prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
}

/** What a walk does with an entry: null to go on. Gets the two arguments of the walk, so that none is a closure. */
export type Pick<Entry, Found> = (entry: Entry, path: string, method: string) => Found | null;

/**
 * Up to so many prefixes are compared one after the other. With 10,000 tenants of three prefixes each in turn that takes
 * a third of the time of map look-ups: no substring is made and hashed, and less memory is touched.
 */
const LISTED_MAX = 8;

const SLASH = 0x2f;

/**
 * Values by path prefix in whole segments. For `/a/b/c` a walk tries `/a/b/c`, `/a/b`, `/a`, `/`. What it costs depends on
 * the configured prefixes, not on the path.
 */
export class PrefixTable<Entry> {
  /** Kept apart: often the only one, and then nothing else is touched. */
  #root: Entry | null = null;
  /** The other prefixes, the longest first, as long as they are few. */
  #prefixes: string[] = [];
  #entries: Entry[] = [];
  /** All of them, once they are many. */
  #map: Map<string, Entry> | null = null;
  /** Bound of the map's keys' lengths; never shrinks. */
  #longest = 0;

  /** The entry of exactly this canonical prefix. */
  get(prefix: string): Entry | null {
    if (prefix === '/') return this.#root;
    if (this.#map !== null) return this.#map.get(prefix) ?? null;
    return this.#entries[this.#prefixes.indexOf(prefix)] ?? null;
  }

  /** Adds the entry of a canonical prefix, or replaces it. */
  set(prefix: string, entry: Entry): void {
    if (prefix === '/') {
      this.#root = entry;
      return;
    }
    this.delete(prefix);
    if (this.#map === null && this.#prefixes.length === LISTED_MAX) this.#toMap();
    if (this.#map === null) {
      const shorter = this.#prefixes.findIndex((other) => other.length < prefix.length);
      const at = shorter === -1 ? this.#prefixes.length : shorter;
      this.#prefixes.splice(at, 0, prefix);
      this.#entries.splice(at, 0, entry);
    } else {
      this.#map.set(prefix, entry);
      this.#longest = Math.max(this.#longest, prefix.length);
    }
  }

  delete(prefix: string): void {
    if (prefix === '/') this.#root = null;
    this.#map?.delete(prefix);
    const at = this.#prefixes.indexOf(prefix);
    if (at === -1) return;
    this.#prefixes.splice(at, 1);
    this.#entries.splice(at, 1);
  }

  /**
   * What `pick` finds in the longest prefix of `path` for which it finds anything.
   *
   * @hot
   */
  find<Found>(path: string, method: string, pick: Pick<Entry, Found>): Found | null {
    if (this.#map !== null) {
      const found = this.#findInMap(this.#map, path, method, pick);
      if (found !== null) return found;
    }
    const prefixes = this.#prefixes;
    for (let i = 0; i < prefixes.length; i++) {
      const entry = this.#entries[i];
      if (entry === undefined || !hasPrefix(path, prefixes[i] ?? '')) continue;
      const found = pick(entry, path, method);
      if (found !== null) return found;
    }
    return this.#root === null ? null : pick(this.#root, path, method);
  }

  /** One look-up a segment, those left out that are longer than any prefix. @hot */
  #findInMap<Found>(
    map: ReadonlyMap<string, Entry>,
    path: string,
    method: string,
    pick: Pick<Entry, Found>,
  ): Found | null {
    let end = path.length;
    if (end > this.#longest) end = path.lastIndexOf('/', this.#longest);
    while (end > 1) {
      const entry = map.get(end === path.length ? path : path.slice(0, end));
      if (entry !== undefined) {
        const found = pick(entry, path, method);
        if (found !== null) return found;
      }
      end = path.lastIndexOf('/', end - 1);
    }
    return null;
  }

  /** All entries whose prefix the path has. Not for the request path. */
  matching(path: string): Entry[] {
    const entries: Entry[] = [];
    const collect = (entry: Entry): null => {
      entries.push(entry);
      return null;
    };
    this.find(path, '', collect);
    return entries;
  }

  #toMap(): void {
    this.#map = new Map();
    for (const [i, prefix] of this.#prefixes.entries()) {
      const entry = this.#entries[i];
      if (entry !== undefined) this.#map.set(prefix, entry);
      this.#longest = Math.max(this.#longest, prefix.length);
    }
    this.#prefixes = [];
    this.#entries = [];
  }
}

/** Whether `path` is `prefix` or lies below it. @hot */
function hasPrefix(path: string, prefix: string): boolean {
  const { length } = prefix;
  if (path.length > length && path.charCodeAt(length) !== SLASH) return false;
  return path.startsWith(prefix);
}
