import { Buffer } from 'node:buffer';

import { parseHost } from './host.ts';

/**
 * Reads hosts, and remembers the last good one: requests of one connection mostly name the same
 * host. A hit saves the canonicalisation and gives the same string object again, whose hash a map
 * has already computed.
 */
export class HostReader {
  /** Canonical host and port of the last successful `read`. */
  host = '';
  port = '';
  #raw = '';

  /**
   * Reads the host in `text[start, end)`; false when it is malformed.
   * @hot
   */
  read(text: string, start: number, end: number): boolean {
    if (end === start) return false;
    if (end - start === this.#raw.length && text.startsWith(this.#raw, start)) return true;
    const raw = text.substring(start, end);
    const parsed = parseHost(raw);
    if (parsed === null) return false;
    // Copied: a substring would keep the whole head alive as long as the connection.
    this.#raw = Buffer.from(raw, 'latin1').toString('latin1');
    this.host = parsed.host;
    this.port = Buffer.from(parsed.port, 'latin1').toString('latin1');
    return true;
  }
}
