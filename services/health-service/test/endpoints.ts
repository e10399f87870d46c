import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { resetSocket } from '@headgate/runtime';

/** An endpoint whose behaviour a test changes while it runs; it keeps its port through `stop` and `start`. */
export interface TestEndpoint {
  readonly port: number;
  /** Connections accepted so far. */
  readonly connections: number;
  /** What every connection gets from now on. */
  behave(how: (socket: Socket) => void): void;
  /** Stops listening and resets every connection, as a killed process does. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** Answers each request with this status and closes. */
export function answers(status: number): (socket: Socket) => void {
  return (socket) =>
    socket.once('data', () =>
      socket.end(`HTTP/1.1 ${status} Test\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`),
    );
}

/** Accepts and never says a word. */
export function hangs(socket: Socket): void {
  socket.resume();
}

/** Starts an endpoint on a free port of 127.0.0.1 that answers 200. Whoever starts stops. */
export async function startEndpoint(): Promise<TestEndpoint> {
  let behaviour = answers(200);
  let connections = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    connections += 1;
    sockets.add(socket.on('error', () => undefined));
    socket.on('close', () => sockets.delete(socket));
    behaviour(socket);
  });
  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => {
        server.off('error', reject);
        resolve();
      });
    });
  await listen(0);
  const { port } = server.address() as AddressInfo; // a TCP listener has no other
  return {
    port,
    get connections() {
      return connections;
    },
    behave(how) {
      behaviour = how;
    },
    async stop() {
      if (!server.listening) return;
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) resetSocket(socket);
      await closed;
    },
    start: () => listen(port),
  };
}
