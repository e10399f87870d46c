import { Buffer } from 'node:buffer';
import {
  BODY_DATA,
  BODY_END,
  BODY_FAULT,
  BodyDecoder,
  RequestParser,
  ResponseParser,
} from '../src/index.ts';
import type { Http1FaultCode, Http1Limits } from '../src/index.ts';

/** One message as the codec read it. */
export interface ReadMessage {
  /** `METHOD target` or the status. */
  readonly start: string;
  readonly host: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly persistent: boolean;
  /** Body data as latin1. */
  body: string;
  /** Whether the body is complete. */
  complete: boolean;
}

/** What became of a whole byte stream. */
export interface ReadStream {
  readonly messages: readonly ReadMessage[];
  /** Fault that ended the stream. */
  readonly fault: Http1FaultCode | null;
  readonly status: number | null;
  /** Whether a head had begun and was not complete at the end. */
  readonly headPending: boolean;
}

/** How a connection is read: the two parsers differ in little more than their argument. */
interface Direction {
  readonly parser: RequestParser | ResponseParser;
  parse(chunk: Uint8Array, start: number, end: number): number;
  message(): ReadMessage;
  /** Whether another head may follow the one just read. */
  goesOn(): boolean;
}

/** Reads requests as a server does, up to a fault or to a request that ends the connection. */
export function readRequests(pieces: Iterable<Buffer>, limits?: Http1Limits): ReadStream {
  const parser = new RequestParser(limits);
  const { head } = parser;
  return readStream(
    pieces,
    {
      parser,
      parse: (chunk, start, end) => parser.parse(chunk, start, end),
      message: () => messageOf(parser, `${head.method} ${head.target}`, head.host + head.hostPort),
      goesOn: () => head.persistent,
    },
    limits,
  );
}

/** Reads the answer to one request as a client does, 1xx answers included. */
export function readResponses(
  pieces: Iterable<Buffer>,
  requestMethod: string,
  limits?: Http1Limits,
): ReadStream {
  const parser = new ResponseParser(limits);
  const { head } = parser;
  return readStream(
    pieces,
    {
      parser,
      parse: (chunk, start, end) => parser.parse(chunk, start, end, requestMethod),
      message: () => messageOf(parser, String(head.status), ''),
      goesOn: () => head.status < 200 && head.status !== 101,
    },
    limits,
  );
}

/** Cuts `bytes` at the given ascending offsets. */
export function cutAt(bytes: Buffer, offsets: readonly number[]): Buffer[] {
  const ends = [...offsets, bytes.length];
  return ends.map((end, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1], end));
}

/** Pieces of one byte each, made lazily. */
export function* byteByByte(bytes: Buffer): Generator<Buffer> {
  for (let i = 0; i < bytes.length; i++) yield bytes.subarray(i, i + 1);
}

function messageOf(
  parser: RequestParser | ResponseParser,
  start: string,
  host: string,
): ReadMessage {
  const { head } = parser;
  const headers = Array.from(
    { length: head.headerCount },
    (_, i) => [head.name(i), head.value(i)] as const,
  );
  return { start, host, headers, persistent: head.persistent, body: '', complete: false };
}

/**
 * Feeds the pieces through one buffer that is overwritten after every call, so that a parser that
 * kept a reference to it would be caught.
 */
function readStream(
  pieces: Iterable<Buffer>,
  direction: Direction,
  limits: Http1Limits | undefined,
): ReadStream {
  const { parser } = direction;
  const decoder = new BodyDecoder(limits);
  const messages: ReadMessage[] = [];
  let message: ReadMessage | null = null;
  let closed = false;

  const stream = (fault: ReadStream['fault'], status: number | null): ReadStream => ({
    messages,
    fault,
    status,
    headPending: message === null && !closed && parser.started,
  });

  for (const piece of pieces) {
    const scratch = Buffer.from(piece);
    let at = 0;
    while (!closed) {
      if (message === null) {
        if (at === scratch.length) break;
        const taken = direction.parse(scratch, at, scratch.length);
        if (taken === -1) return stream(parser.fault?.code ?? null, parser.fault?.status ?? null);
        if (taken === 0) break;
        at += taken;
        message = direction.message();
        messages.push(message);
        decoder.reset(parser.head.framing, parser.head.contentLength);
      }
      const event = decoder.next(scratch, at, scratch.length);
      at = decoder.position;
      if (event === BODY_FAULT) {
        return stream(decoder.fault?.code ?? null, decoder.fault?.status ?? null);
      }
      if (event === BODY_DATA) {
        message.body += scratch.toString('latin1', decoder.dataStart, decoder.dataEnd);
      } else if (event === BODY_END) {
        message.complete = true;
        message = null;
        closed = !direction.goesOn();
        if (!closed) parser.reset();
      } else break;
    }
    scratch.fill(0xff);
    if (closed) break;
  }
  if (message !== null) message.complete = decoder.finish();
  return stream(null, null);
}
