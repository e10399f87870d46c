import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { closeServer, listenLocally } from './listen.ts';

/** A well-behaved HTTP server for tests. */
export interface HttpOrigin {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  /** Requests begun so far. */
  readonly requestCount: number;
  /** Connections accepted so far. */
  readonly connectionCount: number;
  /** Stops listening and ends every connection. */
  close(): Promise<void>;
}

/**
 * Starts a `node:http` server on a free port of 127.0.0.1. A handler that throws or rejects makes
 * a 500 whose body is the error.
 */
export async function createHttpOrigin(
  handler: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>,
): Promise<HttpOrigin> {
  let requestCount = 0;
  let connectionCount = 0;
  const sockets = new Set<Socket>();
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    requestCount += 1;
    try {
      await handler(request, response);
    } catch (error) {
      if (!response.headersSent) response.statusCode = 500;
      response.end(String(error));
    }
  };
  const server = createServer((request, response) => void handle(request, response));
  server.on('connection', (socket: Socket) => {
    connectionCount += 1;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const port = await listenLocally(server);
  return {
    host: '127.0.0.1',
    port,
    url: `http://127.0.0.1:${port}`,
    get requestCount() {
      return requestCount;
    },
    get connectionCount() {
      return connectionCount;
    },
    close: () => closeServer(server, sockets),
  };
}
