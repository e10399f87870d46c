import {
  BODY_DATA,
  BODY_END,
  BODY_FAULT,
  BodyDecoder,
  CHUNK_END,
  FRAMING_CHUNKED,
  HeaderSet,
  LAST_CHUNK,
  RequestParser,
  chunkHeader,
  writeRequestHead,
  type RequestHead,
} from '@headgate/http1';
import { canonicalHost, type ReadRequest } from './read-request.ts';

/** A request as the codec read it. */
export interface CodecRequest extends ReadRequest {
  /** The request as an edge would send it on, latin1. */
  readonly forwarded: string;
  /** Whether the client lets the connection live on. */
  readonly persistent: boolean;
}

/** What the codec made of the bytes of one connection. */
export interface CodecReading {
  /** Complete requests in their order. */
  readonly requests: readonly CodecRequest[];
  /** Code and status of the fault that ended the reading. */
  readonly fault: { readonly code: string; readonly status: number } | null;
  /** Where the bytes ended. */
  readonly end: 'between' | 'in head' | 'in body';
}

/** Reads a connection; the tests put a broken one in its place, to show that the checks notice. */
export type ReadWithCodec = (pieces: Iterable<Buffer>) => CodecReading;

/** What the edge drops because it sets it itself; a few names are enough here. */
const DROPPED = new HeaderSet(['x-forwarded-for', 'x-request-id', 'x-tenant-id', 'via']);

const SCRATCH = Buffer.alloc(65_536);

/** Reads the requests of a connection as an edge does, up to a fault or to a request that ends it. */
export const readWithCodec: ReadWithCodec = (pieces) => {
  const connection = new CodecConnection();
  for (const piece of pieces) {
    // Read from a buffer that is overwritten afterwards, as the edge's are: a parser that kept it would be caught.
    const buffer = piece.length <= SCRATCH.length ? SCRATCH : Buffer.alloc(piece.length);
    piece.copy(buffer);
    connection.read(buffer, piece.length);
    buffer.fill(0xff, 0, piece.length);
    if (connection.closed) break;
  }
  return connection.reading();
};

class CodecConnection {
  closed = false;
  readonly #parser = new RequestParser();
  readonly #decoder = new BodyDecoder();
  readonly #requests: CodecRequest[] = [];
  #fault: CodecReading['fault'] = null;
  #inBody = false;
  #head = '';
  #body = '';
  #coded = '';

  read(chunk: Buffer, length: number): void {
    let at = 0;
    while (!this.closed) {
      if (!this.#inBody) {
        if (at === length) return;
        const taken = this.#parser.parse(chunk, at, length);
        if (taken === -1) return this.#fail(this.#parser.fault);
        if (taken === 0) return;
        at += taken;
        this.#begin(this.#parser.head);
      }
      const event = this.#decoder.next(chunk, at, length);
      at = this.#decoder.position;
      if (event === BODY_FAULT) return this.#fail(this.#decoder.fault);
      if (event === BODY_DATA) this.#data(chunk);
      else if (event === BODY_END) this.#finish(this.#parser.head);
      else return;
    }
  }

  reading(): CodecReading {
    const end = this.#inBody
      ? 'in body'
      : !this.closed && this.#parser.started
        ? 'in head'
        : 'between';
    return { requests: this.#requests, fault: this.#fault, end };
  }

  #begin(head: RequestHead): void {
    this.#inBody = true;
    this.#head = writeRequestHead(
      head,
      head.target,
      head.host + head.hostPort,
      DROPPED,
      'Via: x\r\n',
    );
    this.#body = '';
    this.#coded = '';
    this.#decoder.reset(head.framing, head.contentLength);
  }

  #data(chunk: Buffer): void {
    const data = chunk.toString('latin1', this.#decoder.dataStart, this.#decoder.dataEnd);
    this.#body += data;
    const chunked = this.#parser.head.framing === FRAMING_CHUNKED;
    this.#coded += chunked ? chunkHeader(data.length) + data + CHUNK_END : data;
  }

  #finish(head: RequestHead): void {
    const last = head.framing === FRAMING_CHUNKED ? LAST_CHUNK : '';
    this.#requests.push({
      method: head.method,
      target: head.target,
      host: canonicalHost(head.host + head.hostPort),
      headers: Array.from({ length: head.headerCount }, (_, i) => [head.name(i), head.value(i)]),
      body: this.#body,
      forwarded: this.#head + this.#coded + last,
      persistent: head.persistent,
    });
    this.#inBody = false;
    this.closed = !head.persistent;
    if (!this.closed) this.#parser.reset();
  }

  #fail(fault: { readonly code: string; readonly status: number } | null): void {
    this.closed = true;
    this.#fault = { code: fault?.code ?? 'none', status: fault?.status ?? 0 };
  }
}
