/** Idle connections of clients stay open for an hour, as in the other candidates. */
export const IDLE_TIMEOUT_MS = 3_600_000;

/** Arguments of the servers of this folder. */
export interface ServerArguments {
  readonly port: number;
  /** Most connections to one backend port. */
  readonly connections: number;
  /** Origins of the backend; never empty. */
  readonly backends: readonly string[];
}

/** Reads PORT CONNECTIONS BACKEND_PORT… @throws Error if one is missing or no number. */
export function readServerArguments(args: readonly string[]): ServerArguments {
  const [port, connections, ...backendPorts] = args.map(Number);
  if (port === undefined || connections === undefined || backendPorts.length === 0) {
    throw new Error('usage: PORT CONNECTIONS BACKEND_PORT…');
  }
  if (![port, connections, ...backendPorts].every(Number.isSafeInteger)) {
    throw new Error(`not numbers: ${args.join(' ')}`);
  }
  const backends = backendPorts.map((backendPort) => `http://127.0.0.1:${backendPort}`);
  return { port, connections, backends };
}
