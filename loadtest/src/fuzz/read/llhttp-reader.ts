import { METHODS, createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { canonicalHost, type ReadRequest, type ReadStream } from './read-request.ts';

/** As long as the codec's own bound, and a little more for what an edge adds. */
const HEADER_BYTES_MAX = 65_536;

/** Reads requests with llhttp, strict, as `node:http` runs it; bytes go through no socket. */
export interface LlhttpReader {
  read(bytes: Buffer): Promise<ReadStream>;
}

/** Whether llhttp knows the method; it refuses others, which the codec forwards as RFC 9110 section 9.1 has it. */
export function isLlhttpMethod(method: string): boolean {
  return METHODS.includes(method);
}

/** Creates a reader; it holds nothing that must be closed. */
export function createLlhttpReader(): LlhttpReader {
  const server = createServer({
    insecureHTTPParser: false,
    maxHeaderSize: HEADER_BYTES_MAX,
    requireHostHeader: true,
    shouldUpgradeCallback: () => false, // an offer may be ignored, and then HTTP goes on
  });
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    // What was passed to emit('connection') below.
    const wire = request.socket as Socket & { readonly requests: ReadRequest[] };
    let body = '';
    request.setEncoding('latin1');
    request.on('data', (text: string) => (body += text));
    request.on('error', () => undefined); // cut short: it never completes
    request.on('end', () => {
      wire.requests.push(describe(request, body));
      response.end();
    });
  };
  server.on('request', onRequest);
  server.on('checkContinue', onRequest);
  server.on('checkExpectation', onRequest);
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    (socket as unknown as Wire).fault ??= error.code ?? error.message; // passed to emit('connection') below
    setImmediate(() => socket.destroy()); // the requests before the fault still have to report their end
  });
  return {
    read: (bytes) =>
      new Promise((resolve) => {
        const wire = new Wire(bytes);
        wire.once('close', () => resolve({ requests: wire.requests, fault: wire.fault }));
        server.emit('connection', wire);
      }),
  };
}

/** Stands for a socket: gives the bytes and their end, takes the answers and drops them. */
class Wire extends Duplex {
  readonly requests: ReadRequest[] = [];
  fault: string | null = null;
  #bytes: Buffer | null;

  constructor(bytes: Buffer) {
    super();
    this.#bytes = bytes;
  }

  /** The server sets timeouts on its sockets. */
  setTimeout(): this {
    return this;
  }

  override _read(): void {
    if (this.#bytes === null) return;
    const bytes = this.#bytes;
    this.#bytes = null;
    if (bytes.length > 0) this.push(bytes);
    this.push(null);
  }

  override _write(_chunk: unknown, _encoding: unknown, done: () => void): void {
    done();
  }
}

function describe(request: IncomingMessage, body: string): ReadRequest {
  const headers: [string, string][] = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    headers.push([request.rawHeaders[i] ?? '', request.rawHeaders[i + 1] ?? '']);
  }
  return {
    method: request.method ?? '',
    target: request.url ?? '',
    host: canonicalHost(request.headers.host ?? ''),
    headers,
    body,
  };
}
