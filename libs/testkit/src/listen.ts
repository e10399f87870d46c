import { once } from 'node:events';
import type { Server, Socket } from 'node:net';

/** Lets a server listen on a free port of 127.0.0.1 and returns the port. */
export async function listenLocally(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not a TCP server');
  return address.port;
}

/** Stops listening and destroys every connection. Idempotent. */
export async function closeServer(server: Server, sockets: Iterable<Socket>): Promise<void> {
  const closed = server.listening ? once(server, 'close') : Promise.resolve();
  server.close();
  for (const socket of sockets) socket.destroy();
  await closed;
}
