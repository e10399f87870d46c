import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { waitFor } from '@headgate/testkit';
import { readResponses, type RawResponse } from './raw-responses.ts';

/** A client that sends and receives bytes as they are. */
export interface RawClient {
  readonly socket: Socket;
  /** Sends text (latin1) or bytes. */
  send(bytes: string | Uint8Array): void;
  /** Sends one piece per turn of the event loop. */
  sendPieces(pieces: readonly Buffer[]): Promise<void>;
  /** Everything received, latin1. */
  received(): string;
  /** Complete responses so far, interim ones included; `methods` are those of the requests, GET where left out. */
  responses(methods?: readonly string[]): readonly RawResponse[];
  /** What the edge did to the connection. */
  state(): 'open' | 'ended' | 'reset';
  /** Waits for the n-th final response and returns it. @throws Error if the connection is closed without it. */
  response(n?: number, methods?: readonly string[]): Promise<RawResponse>;
  /** Waits until the edge has closed the connection in any way. */
  closed(deadlineMs?: number): Promise<'ended' | 'reset'>;
  close(): void;
}

/** Connects to a port of 127.0.0.1. */
export async function connectRaw(
  port: number,
  options: { readonly paused?: boolean; readonly localAddress?: string } = {},
): Promise<RawClient> {
  const { localAddress } = options;
  const socket = connect({
    ...{ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true },
    ...(localAddress === undefined ? {} : { localAddress }),
  });
  const client = rawClientOf(socket, options);
  await once(socket, 'connect');
  return client;
}

/** The same of a socket that connects, or has connected, in whatever way. */
export function rawClientOf(
  socket: Socket,
  options: { readonly paused?: boolean } = {},
): RawClient {
  const chunks: Buffer[] = [];
  let state: 'open' | 'ended' | 'reset' = 'open';
  socket.on('end', () => (state = 'ended'));
  socket.on('error', () => (state = state === 'ended' ? 'ended' : 'reset'));
  socket.on('close', () => (state = state === 'open' ? 'reset' : state));
  if (options.paused !== true) socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  const received = (): string => Buffer.concat(chunks).toString('latin1');
  const responses = (methods: readonly string[] = []): readonly RawResponse[] =>
    readResponses(received(), methods, state === 'ended');
  const send = (bytes: string | Uint8Array): void => {
    if (socket.writable)
      socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  };
  return {
    socket,
    send,
    async sendPieces(pieces) {
      for (const piece of pieces) {
        if (state !== 'open') return;
        send(piece);
        await nextTurn();
      }
    },
    received,
    responses,
    state: () => state,
    async response(n = 0, methods = []) {
      const finals = () => responses(methods).filter(({ status }) => status >= 200);
      const describe = () => ({ received: received().slice(-2000), state });
      const found = await waitFor(() => finals()[n] ?? (state === 'open' ? null : 'closed'), {
        message: `response ${n}`,
        describe,
      });
      if (found !== 'closed') return found;
      throw new Error(`closed without response ${n}: ${JSON.stringify(describe())}`);
    },
    closed: (deadlineMs = 30_000) =>
      waitFor(() => (state === 'open' ? null : state), {
        message: 'the edge to close the connection',
        deadlineMs,
        describe: () => ({ received: received().slice(-2000), state }),
      }),
    close: () => void socket.destroy(),
  };
}

/** Connects, sends, waits for one response and closes. */
export async function requestOnce(port: number, request: string): Promise<RawResponse> {
  const client = await connectRaw(port);
  client.send(request);
  const response = await client.response(0, [request.slice(0, request.indexOf(' '))]);
  client.close();
  return response;
}
