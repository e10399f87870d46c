import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { resetSocket } from '@headgate/runtime';
import { closeServer, listenLocally } from './listen.ts';
import { splitRequest, type RecordedRequest } from './request-splitter.ts';

/** One connection to a {@link RecordingOrigin}, with what a handler may do to it. */
export interface OriginConnection {
  /** Position in the origin's list of connections, from 0. */
  readonly index: number;
  /** Everything received so far, requests and what does not parse as one. */
  received(): Buffer;
  /** Whether the other side has ended or closed it. */
  readonly ended: boolean;
  /** Sends bytes as they are (strings as latin1); false once the connection is closed. */
  write(bytes: string | Uint8Array): boolean;
  /** Sends bytes in small pieces with a pause between them. */
  writeSlowly(
    bytes: string | Uint8Array,
    pieces: { readonly pieceBytes: number; readonly pauseMs: number },
  ): Promise<void>;
  /** Sends FIN; the other direction stays open (half-close). */
  end(): void;
  /** Sends RST. */
  reset(): void;
}

/**
 * Answers one request. Returned bytes are sent as they are (strings as latin1); return nothing to
 * stay silent or after having used the connection.
 */
export type OriginHandler = (
  request: RecordedRequest,
  connection: OriginConnection,
) => string | Uint8Array | undefined | Promise<string | Uint8Array | undefined>;

/** A TCP server that records each request byte by byte. */
export interface RecordingOrigin {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  /** Every complete request of every connection, in order of arrival. */
  readonly requests: readonly RecordedRequest[];
  /** Every connection ever accepted, in order. */
  readonly connections: readonly OriginConnection[];
  /** Exceptions of the handler; a test that expects none asserts that this is empty. */
  readonly handlerErrors: readonly unknown[];
  /** Replaces the handler for requests from now on. */
  respondWith(handler: OriginHandler): void;
  /** Stops listening and ends every connection. */
  close(): Promise<void>;
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/**
 * Starts an origin on a free port of 127.0.0.1 that speaks only the bytes it is told to.
 * Pipelined requests are answered one after the other. Default handler: `200 OK` with body `ok`.
 */
export async function createRecordingOrigin(
  options: { readonly handler?: OriginHandler } = {},
): Promise<RecordingOrigin> {
  let handler: OriginHandler = options.handler ?? (() => OK);
  const requests: RecordedRequest[] = [];
  const connections: OriginConnection[] = [];
  const handlerErrors: unknown[] = [];
  const sockets = new Set<Socket>();

  const answer = async (request: RecordedRequest, connection: OriginConnection) => {
    try {
      const bytes = await handler(request, connection);
      if (bytes !== undefined) connection.write(bytes);
    } catch (error) {
      handlerErrors.push(error);
      connection.reset();
    }
  };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    let unparsed = Buffer.alloc(0);
    let answers = Promise.resolve();
    const connection = recordConnection(socket, connections.length, (chunk) => {
      unparsed = Buffer.concat([unparsed, chunk]);
      for (let next = splitRequest(unparsed); next !== null; next = splitRequest(unparsed)) {
        const request = next;
        unparsed = unparsed.subarray(request.raw.length);
        requests.push(request);
        answers = answers.then(() => answer(request, connection));
      }
    });
    connections.push(connection);
  });
  const port = await listenLocally(server);
  return {
    host: '127.0.0.1',
    port,
    url: `http://127.0.0.1:${port}`,
    requests,
    connections,
    handlerErrors,
    respondWith: (next) => void (handler = next),
    close: () => closeServer(server, sockets),
  };
}

function recordConnection(
  socket: Socket,
  index: number,
  onChunk: (chunk: Buffer) => void,
): OriginConnection {
  const chunks: Buffer[] = [];
  let ended = false;
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    onChunk(chunk);
  });
  socket.on('end', () => (ended = true));
  socket.on('close', () => (ended = true));
  // A peer that resets is something tests do on purpose.
  socket.on('error', () => undefined);
  const write = (bytes: string | Uint8Array) => {
    if (!socket.writable) return false;
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    return true;
  };
  return {
    index,
    received: () => Buffer.concat(chunks),
    get ended() {
      return ended;
    },
    write,
    async writeSlowly(bytes, { pieceBytes, pauseMs }) {
      const all = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
      for (let at = 0; at < all.length; at += pieceBytes) {
        if (!write(all.subarray(at, at + pieceBytes))) return;
        await sleep(pauseMs);
      }
    },
    end: () => void socket.end(),
    reset: () => resetSocket(socket),
  };
}
