import { connect } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { resetSocket } from '@headgate/runtime';

/** How a connection ended. */
export type Ending = 'ended' | 'reset' | 'hung';

/** What came back on a connection. */
export interface RawAnswer {
  /** All bytes, latin1. */
  readonly text: string;
  readonly ending: Ending;
  /** How long sending took, in ms. */
  readonly sendMs: number;
}

/** Longest time in ms that a connection may take to end once everything is sent. */
export const HANG_MS = 8000;

/**
 * Connects to a port of 127.0.0.1, sends the pieces in as many writes, then FIN, and reads until the connection ends.
 *
 * @param last 'fin' (default) or 'reset' to send RST instead once everything is written; 'open' to wait for the other
 *   side's end before FIN.
 */
export async function exchangeRaw(
  port: number,
  pieces: readonly Buffer[],
  last: 'fin' | 'reset' | 'open' = 'fin',
): Promise<RawAnswer> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
  let text = '';
  let ended = false;
  let failed = false;
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => (text += chunk));
  socket.on('end', () => {
    ended = true;
    socket.end();
  });
  socket.on('error', () => (failed = !ended));
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const startMs = performance.now();
  for (const [i, piece] of pieces.entries()) {
    if (i > 0) await nextTurn();
    if (!socket.writable) break;
    socket.write(piece);
  }
  const sendMs = performance.now() - startMs;
  if (last === 'reset') {
    await drained(socket);
    resetSocket(socket);
  } else if (last === 'fin' && socket.writable) {
    socket.end();
  }
  let hung = false;
  const timer = setTimeout(() => {
    hung = true;
    socket.destroy();
  }, HANG_MS);
  await closed;
  clearTimeout(timer);
  return { text, ending: hung ? 'hung' : ended && !failed ? 'ended' : 'reset', sendMs };
}

/** Until everything written has left the process, or the connection is gone. */
async function drained(socket: ReturnType<typeof connect>): Promise<void> {
  while (!socket.destroyed && (socket.connecting || socket.writableLength > 0)) await nextTurn();
  await nextTurn();
}

const PROXY_SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

/** Address that stands for an input in X-Forwarded-For: 24 bits of its index. */
export function addressOfInput(index: number): string {
  return octetsOfInput(index).join('.');
}

/** The input that {@link addressOfInput} stands for; 0 for no address. */
export function inputOfAddress(address: string): number {
  const [, high = 0, middle = 0, low = 0] = address.split('.').map(Number);
  return high * 65_536 + middle * 256 + low;
}

/** PROXY protocol v2 header that makes {@link addressOfInput} the client's address. */
export function proxyHeader(index: number): Buffer {
  const fixed = Buffer.from([0x21, 0x11, 0, 12]);
  const addresses = Buffer.from([...octetsOfInput(index), 127, 0, 0, 1, 0x10, 0, 0x1f, 0x90]);
  return Buffer.concat([PROXY_SIGNATURE, fixed, addresses]);
}

function octetsOfInput(index: number): readonly number[] {
  return [10, (index >>> 16) & 255, (index >>> 8) & 255, index & 255];
}
