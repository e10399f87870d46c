import { request as startRequest } from 'node:http';
import { Duplex } from 'node:stream';

/** A final response as `node:http` understood it. */
export interface LlhttpResponse {
  readonly status: number;
  /** latin1. */
  readonly body: string;
}

/**
 * Reads the first final response of a connection with llhttp, strict. Null if there is none that is whole.
 *
 * @param ended the connection ended with FIN, which completes a body without length; otherwise it was cut.
 */
export function readResponseWithLlhttp(
  bytes: Buffer,
  method: string,
  ended: boolean,
): Promise<LlhttpResponse | null> {
  return new Promise((resolve) => {
    const wire = new ClientWire(bytes, ended);
    const outgoing = startRequest({
      method,
      host: '127.0.0.1',
      insecureHTTPParser: false,
      maxHeaderSize: 65_536,
      createConnection: () => wire,
    });
    outgoing.on('error', () => resolve(null));
    wire.on('close', () => setImmediate(() => setImmediate(resolve, null))); // no effect behind a response
    outgoing.on('response', (response) => {
      let body = '';
      response.setEncoding('latin1');
      response.on('data', (text: string) => (body += text));
      response.on('error', () => resolve(null));
      response.on('close', () =>
        resolve(response.complete ? { status: response.statusCode ?? 0, body } : null),
      );
    });
    outgoing.end();
  });
}

/** Stands for a socket: takes the request and then gives the response. */
class ClientWire extends Duplex {
  #bytes: Buffer | null;
  readonly #ended: boolean;

  constructor(bytes: Buffer, ended: boolean) {
    super();
    this.#bytes = bytes;
    this.#ended = ended;
  }

  setTimeout(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  override _read(): void {
    // Nothing before the request: an answer to no request is an error of its own.
  }

  override _write(_chunk: unknown, _encoding: unknown, done: () => void): void {
    done();
    if (this.#bytes === null) return;
    const bytes = this.#bytes;
    this.#bytes = null;
    setImmediate(() => {
      if (bytes.length > 0) this.push(bytes);
      if (this.#ended) this.push(null);
      else this.destroy(Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
    });
  }
}
