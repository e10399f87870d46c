import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { resetSocket } from '@headgate/runtime';
import type { ResponseInput } from '../generate/response-input.ts';
import { readRequest } from '../read/strict-reader.ts';
import { listenOnFreePort } from './tcp-server.ts';

/** A backend that answers `/r/N` with input N, and `/probe/N` as a backend should. */
export interface HostileBackend {
  readonly port: number;
  /** How often input `index` was asked for; then forgotten. */
  takeServed(index: number): number;
  close(): Promise<void>;
}

/** What a hostile backend is given. */
export interface HostileBackendDeps {
  readonly inputOf: (index: number) => ResponseInput;
  /** A request came on a connection on which input `index` had left the framing in doubt. */
  readonly onReuse: (index: number) => void;
}

/** Body of the answer to a probe. */
export const probeBody = (index: number): string => `probe ${index}`;

/** Starts the backend on a free port of 127.0.0.1. */
export async function startHostileBackend(deps: HostileBackendDeps): Promise<HostileBackend> {
  const served = new Map<number, number>();
  const server = await listenOnFreePort((socket) => serve(socket, deps, served));
  return {
    ...server,
    takeServed(index) {
      const times = served.get(index) ?? 0;
      served.delete(index);
      return times;
    },
  };
}

function serve(socket: Socket, deps: HostileBackendDeps, served: Map<number, number>): void {
  let text = '';
  let spoiledBy: number | null = null;
  let tunnel = false;
  socket.setEncoding('latin1');
  socket.on('end', () => socket.end());
  socket.on('data', (chunk: string) => {
    if (tunnel || !socket.writable) return; // no HTTP any more; or closed by us already, which the edge may not know
    if (spoiledBy !== null) return deps.onReuse(spoiledBy);
    text += chunk;
    const read = readRequest(text, 0);
    if (read === 'incomplete') return;
    text = '';
    if ('fault' in read) return void socket.destroy();
    const [, kind = '', number = ''] = read.value.target.split('/');
    const index = Number(number);
    if (kind === 'probe') {
      const body = probeBody(index);
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
      return;
    }
    served.set(index, (served.get(index) ?? 0) + 1);
    const input = deps.inputOf(index);
    tunnel = input.tunnel;
    if (!input.meaning.reusable) spoiledBy = index;
    void answer(socket, input);
  });
}

async function answer(socket: Socket, { pieces, ending }: ResponseInput): Promise<void> {
  for (const [i, piece] of pieces.entries()) {
    if (i > 0) await nextTurn();
    if (!socket.writable) return;
    socket.write(piece);
  }
  if (ending === 'open') return;
  if (ending === 'fin') {
    socket.end();
    return;
  }
  while (!socket.destroyed && socket.writableLength > 0) await nextTurn();
  resetSocket(socket);
}
