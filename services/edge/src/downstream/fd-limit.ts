import { readFileSync } from 'node:fs';

/** Listening sockets of a port. */
const LISTENING_FDS = 32;

/** Kept free of client connections: listening sockets of one port, standard streams, IPC, Redis, exporters, epoll, and what files need for a moment. */
const RESERVED_FDS = 96;

/**
 * Client connections that the process may hold under its limit of open files. Each may need a connection to an endpoint,
 * so half of what is left after the reserve is theirs, and the other half is for those connections, idle ones included: a
 * request that was accepted can be served.
 *
 * @param limits text of `/proc/self/limits`.
 * @param ports that are listened on.
 * @returns at least 1; Infinity when there is no limit.
 */
export function connectionsWithin(limits: string, ports = 1): number {
  const soft = /^Max open files +(\d+|unlimited)/m.exec(limits)?.[1];
  if (soft === undefined || soft === 'unlimited') return Infinity;
  return Math.max(1, Math.floor((Number(soft) - RESERVED_FDS - (ports - 1) * LISTENING_FDS) / 2));
}

/** {@link connectionsWithin} of this process; Infinity on systems without `/proc`. */
export function connectionsWithinFdLimit(ports: number): number {
  try {
    return connectionsWithin(readFileSync('/proc/self/limits', 'utf8'), ports);
  } catch {
    return Infinity; // not Linux: EMFILE alone makes the listener pause
  }
}
