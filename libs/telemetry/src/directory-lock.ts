import { unlink } from 'node:fs/promises';
import { createServer, connect, type Server } from 'node:net';
import { join } from 'node:path';

/** A lock on a directory; the kernel lets go of it when the process ends in any way. */
export interface DirectoryLock {
  /** Lets others take the lock. Idempotent. */
  release(): Promise<void>;
}

/** Another process holds the lock. */
export class DirectoryInUseError extends Error {
  override readonly name = 'DirectoryInUseError';

  constructor(directory: string) {
    super(`${directory} is in use by another process`);
  }
}

/**
 * Makes sure that one process at a time works in a directory: two PGlite instances or two edges on
 * the same files would destroy them. The lock is a listening Unix socket. Unlike a file that holds a
 * pid it cannot outlive its owner: what is left after a crash refuses connections.
 *
 * @throws DirectoryInUseError when another process holds the lock; Error when there can be none: the
 *   directory cannot be written, or its path is too long for a socket (about 100 bytes).
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const path = join(directory, 'lock');
  let server = await listen(path);
  if (server === null) {
    if (await answers(path)) throw new DirectoryInUseError(directory);
    await unlink(path);
    server = await listen(path);
  }
  if (server === null) throw new DirectoryInUseError(directory);
  const held = server;
  return {
    release: () => new Promise((resolve) => held.close(() => resolve())),
  };
}

/** Null if the path is taken. */
function listen(path: string): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(null);
      else reject(new Error(`cannot lock ${path}: ${error.message}`, { cause: error }));
    });
    server.listen(path, () => {
      server.unref();
      resolve(server);
    });
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
