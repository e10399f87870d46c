import {
  CHUNK_END,
  chunkHeader,
  FRAMING_CHUNKED,
  FRAMING_CLOSE,
  FRAMING_NONE,
  LAST_CHUNK,
  type Framing,
  type ResponseHead,
} from '@headgate/http1';
import type { UpstreamConnection } from '../upstream/upstream-connection.ts';
import type { ExchangeClient } from './exchange-client.ts';
import type { RequestContext } from './request-context.ts';
import { framingFor, writeInterimHead, writeReturnedHead } from './returned-head.ts';

/** Interim responses (1xx) to one request; an endpoint that sends more is not making progress. */
const INTERIM_RESPONSES_MAX = 100;

/**
 * Passes a request's body to the endpoint and the response to the client, each in the framing of the side that gets it,
 * and counts the bytes. Owns neither socket; used for one request after the other.
 */
export class Relay {
  /** The head of the final response, or of a 101, went to the client: no other answer is possible. */
  responseStarted = false;
  /** The endpoint wants the body: it sent a 100. */
  continued = false;
  readonly #context: RequestContext;
  readonly #client: ExchangeClient;
  /** The client has an interim answer of the endpoint, such as 103: another endpoint's would contradict it. */
  hinted = false;
  #responseFraming: Framing = FRAMING_NONE;
  #keepAlive = false;
  #interimResponses = 0;

  constructor(context: RequestContext, client: ExchangeClient) {
    this.#context = context;
    this.#client = client;
  }

  /** A new request. @hot */
  begin(): void {
    this.responseStarted = false;
    this.continued = false;
    this.hinted = false;
    this.#responseFraming = FRAMING_NONE;
    this.#keepAlive = false;
    this.#interimResponses = 0;
  }

  // To the endpoint

  /** Body bytes of the request; false when the endpoint reads too slowly. @hot */
  requestData(connection: UpstreamConnection, chunk: Buffer, start: number, end: number): boolean {
    const { bytes } = connection;
    const chunked = this.#context.head.framing === FRAMING_CHUNKED;
    if (chunked) bytes.writeText(chunkHeader(end - start));
    bytes.writeSlice(chunk, start, end, this.#client.bytes);
    if (chunked) bytes.writeText(CHUNK_END);
    return !bytes.congested;
  }

  /** The request body is complete. */
  requestEnd(connection: UpstreamConnection): void {
    if (this.#context.head.framing === FRAMING_CHUNKED) connection.bytes.writeText(LAST_CHUNK);
    connection.completeRequest();
  }

  // To the client

  /** A 1xx head; false when there were too many. */
  interimHead(head: ResponseHead): boolean {
    const { bytes } = this.#client;
    this.#interimResponses += 1;
    if (this.#interimResponses > INTERIM_RESPONSES_MAX) return false;
    if (head.status === 100) this.continued = true;
    // A client that does not read does not wait for one.
    if (this.#context.head.minorVersion === 1 && !bytes.congested) {
      if (head.status !== 100) this.hinted = true;
      bytes.writeText(writeInterimHead(head, ''));
    }
    return true;
  }

  /** The head of a 101 to a WebSocket: nothing but a tunnel follows it. */
  switchingHead(head: ResponseHead): void {
    const { requestId } = this.#context;
    this.responseStarted = true;
    const lines = `Connection: upgrade\r\nUpgrade: ${head.upgrade}\r\nX-Request-Id: ${requestId}\r\n`;
    this.#client.bytes.writeText(writeInterimHead(head, lines));
  }

  /** The head of the final response. @hot */
  responseHead(head: ResponseHead): void {
    const context = this.#context;
    const client = this.#client;
    const framing = framingFor(head.framing, context.head.minorVersion);
    this.responseStarted = true;
    this.#responseFraming = framing;
    // An answer that overtakes its request ends the connection: the rest of the body would be read as a request.
    this.#keepAlive =
      framing !== FRAMING_CLOSE && client.requests.requestComplete && client.mayKeepAlive();
    client.bytes.writeText(
      writeReturnedHead(context, head, framing, this.#keepAlive, client.deps.dateLine()),
    );
  }

  /** Body bytes of the response; pauses the endpoint when the client reads too slowly. @hot */
  responseData(connection: UpstreamConnection, chunk: Buffer, start: number, end: number): void {
    const { bytes } = this.#client;
    const chunked = this.#responseFraming === FRAMING_CHUNKED;
    this.#context.bytesOut += end - start;
    if (chunked) bytes.writeText(chunkHeader(end - start));
    bytes.writeSlice(chunk, start, end, connection.bytes);
    if (chunked) bytes.writeText(CHUNK_END);
    if (bytes.congested) connection.bytes.pause();
  }

  /** Body bytes of the response that were held until a limit let them pass; they lie in no read buffer. */
  heldResponseData(held: Buffer): void {
    const { bytes } = this.#client;
    const chunked = this.#responseFraming === FRAMING_CHUNKED;
    this.#context.bytesOut += held.length;
    if (chunked) bytes.writeText(chunkHeader(held.length));
    bytes.writeSlice(held, 0, held.length, bytes);
    if (chunked) bytes.writeText(CHUNK_END);
  }

  /** The response is complete; returns whether the client's connection goes on. @hot */
  responseEnd(): boolean {
    if (this.#responseFraming === FRAMING_CHUNKED) this.#client.bytes.writeText(LAST_CHUNK);
    return this.#keepAlive;
  }
}
