import type { Writable } from 'node:stream';

/** Exit code of a command that a closed pipe ended, as shells report it: 128 and SIGPIPE. */
const CLOSED_PIPE = 141;

/**
 * Ends the process quietly when whoever reads an output has gone (`headgate get tenants | head`), as programs that do not
 * ignore SIGPIPE do. Every other fault of the output is thrown.
 */
export function endWithReader(output: Writable): void {
  output.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(CLOSED_PIPE);
  });
}
