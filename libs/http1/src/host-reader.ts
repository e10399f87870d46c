import { Buffer } from 'node:buffer';

import { parseHost } from './host.ts';

/** Hosts kept at most, some 100 bytes each. A flood of others costs their parsing, no memory. */
const HOSTS_MAX = 8192;

/** A host as sent, and what it means. All three are strings of their own, not parts of a head. */
interface KnownHost {
  readonly raw: string;
  readonly host: string;
  readonly port: string;
}

/** The hosts that the connections of one worker have named lately, in canonical form. */
export class HostCache {
  readonly #hosts = new Map<string, KnownHost>();

  /** Hosts that are kept. */
  get size(): number {
    return this.#hosts.size;
  }

  /**
   * The meaning of a host as sent; null when it is malformed. A hit gives the same string object
   * again, whose hash a map has already computed.
   * @hot
   */
  find(raw: string): KnownHost | null {
    return this.#hosts.get(raw) ?? this.#parse(raw);
  }

  #parse(raw: string): KnownHost | null {
    const parsed = parseHost(raw);
    if (parsed === null) return null;
    const known = { raw: copy(raw), host: copy(parsed.host), port: copy(parsed.port) };
    if (this.#hosts.size >= HOSTS_MAX) this.#hosts.clear();
    this.#hosts.set(known.raw, known);
    return known;
  }
}

/** Reads the hosts of one connection, whose requests mostly name the same one. */
export class HostReader {
  /** Canonical host and port of the last successful `read`. */
  host = '';
  port = '';
  #raw = '';
  readonly #cache: HostCache;

  constructor(cache: HostCache) {
    this.#cache = cache;
  }

  /**
   * Reads the host in `text[start, end)`; false when it is malformed.
   * @hot
   */
  read(text: string, start: number, end: number): boolean {
    if (end === start) return false;
    if (end - start === this.#raw.length && text.startsWith(this.#raw, start)) return true;
    const known = this.#cache.find(text.substring(start, end));
    if (known === null) return false;
    this.#raw = known.raw;
    this.host = known.host;
    this.port = known.port;
    return true;
  }
}

/** A substring would keep the whole head alive for as long as it is kept itself. */
function copy(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}
