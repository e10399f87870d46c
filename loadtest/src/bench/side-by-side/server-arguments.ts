/** Idle connections of clients stay open for an hour, as in the other candidates. */
export const IDLE_TIMEOUT_MS = 3_600_000;

/** Arguments of a candidate that is a program for Node. */
export interface ServerArguments {
  readonly port: number;
  /** Most connections to one backend port. */
  readonly connections: number;
  /** Origins of the backend; never empty. */
  readonly backends: readonly string[];
  /** Arguments of this server alone. */
  readonly rest: readonly string[];
}

/** Reads PORT CONNECTIONS BACKEND_PORT,… and what follows. @throws Error if one is missing or no number. */
export function readServerArguments(args: readonly string[]): ServerArguments {
  const [portText, connectionsText, backendsText = '', ...rest] = args;
  const [port, connections] = [Number(portText), Number(connectionsText)];
  const backendPorts = backendsText.split(',').map(Number);
  if (![port, connections, ...backendPorts].every((value) => value > 0)) {
    throw new Error(`usage: PORT CONNECTIONS BACKEND_PORT,…; got ${args.join(' ')}`);
  }
  const backends = backendPorts.map((backendPort) => `http://127.0.0.1:${backendPort}`);
  return { port, connections, backends, rest };
}
