import { createServer } from 'node:net';

// Below the ephemeral ranges of Linux (32768+) and macOS (49152+): while a server is restarted on
// its port, no outgoing connection of the machine can take the port by chance.
const PORT_FIRST = 20_000;
const PORT_COUNT = 12_000;
const ATTEMPTS_MAX = 200;

const handedOut = new Set<number>();

/**
 * Finds a TCP port of 127.0.0.1 that nobody listens on and that this process has not handed out
 * before. Another process can still take it before it is used, so a starter tries again with
 * another port when its server reports that the address is in use ({@link isAddressInUse}).
 *
 * @throws Error after 200 ports in use.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const port = PORT_FIRST + Math.floor(Math.random() * PORT_COUNT);
    if (!handedOut.has(port) && (await canListen(port))) {
      handedOut.add(port);
      return port;
    }
  }
  throw new Error(`no free port after ${ATTEMPTS_MAX} attempts`);
}

/** Whether a server's output says that its port was taken. */
export function isAddressInUse(output: string): boolean {
  return /address already in use|EADDRINUSE/i.test(output);
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      server.close(() => resolve(true));
    });
  });
}
