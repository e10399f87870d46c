import type { Pick } from './prefix-table.ts';

/** Values by host pattern: exact names, and `*.suffix` for every name below the suffix. */
export class HostTable<Entry> {
  readonly #exact = new Map<string, Entry>();
  /** Keyed by the suffix with its leading dot: `.example.com`. */
  readonly #wildcards = new Map<string, Entry>();

  get empty(): boolean {
    return this.#exact.size === 0 && this.#wildcards.size === 0;
  }

  /** The entry of exactly this pattern. */
  get(pattern: string): Entry | null {
    const wildcard = pattern.startsWith('*.');
    const entry = wildcard ? this.#wildcards.get(pattern.slice(1)) : this.#exact.get(pattern);
    return entry ?? null;
  }

  set(pattern: string, entry: Entry): void {
    if (pattern.startsWith('*.')) this.#wildcards.set(pattern.slice(1), entry);
    else this.#exact.set(pattern, entry);
  }

  delete(pattern: string): void {
    if (pattern.startsWith('*.')) this.#wildcards.delete(pattern.slice(1));
    else this.#exact.delete(pattern);
  }

  /**
   * What `pick` finds in the entry of the exact name, else in that of the longest wildcard for which it finds anything.
   * `host` is in canonical form.
   *
   * @hot
   */
  find<Found>(host: string, path: string, method: string, pick: Pick<Entry, Found>): Found | null {
    const exact = this.#exact.get(host);
    if (exact !== undefined) {
      const found = pick(exact, path, method);
      if (found !== null) return found;
    }
    return this.findWildcard(host, path, method, pick);
  }

  /** The entry of exactly this name. @hot */
  exact(host: string): Entry | null {
    return this.#exact.get(host) ?? null;
  }

  /** The second half of {@link HostTable.find}. @hot */
  findWildcard<Found>(
    host: string,
    path: string,
    method: string,
    pick: Pick<Entry, Found>,
  ): Found | null {
    if (this.#wildcards.size === 0) return null;
    for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) {
      const wildcard = this.#wildcards.get(host.slice(dot));
      if (wildcard === undefined) continue;
      const found = pick(wildcard, path, method);
      if (found !== null) return found;
    }
    return null;
  }

  /** All entries whose pattern the host has. Not for the request path. */
  *matching(host: string): Generator<Entry> {
    const exact = this.#exact.get(host);
    if (exact !== undefined) yield exact;
    for (const [suffix, entry] of this.#wildcards) if (host.endsWith(suffix)) yield entry;
  }
}
