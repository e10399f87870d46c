import { meaningOf, type BackendEnding, type ResponseInput } from './response-input.ts';
import { splitEvenly } from './splits.ts';

/** One exchange that is cut: who cuts, how, and after how many of its bytes. */
export interface CutInput {
  readonly name: string;
  readonly side: 'client' | 'backend';
  readonly how: 'fin' | 'reset';
  /** Bytes that the side sends before it cuts. */
  readonly offset: number;
  /** What the client sends, whole. */
  readonly request: Buffer;
  /** What the backend sends, cut if it is the side that cuts. */
  readonly response: ResponseInput;
}

interface Exchange {
  readonly name: string;
  readonly method: ResponseInput['method'];
  readonly clientMinor: 0 | 1;
  /** Header lines with CRLF, the empty line, and the body. */
  readonly rest: string;
  readonly response: string;
  readonly tunnel: boolean;
  /** Its response needs the end of the connection. */
  readonly untilClose: boolean;
}

const NO_BODY = 'Host: t1.test\r\n\r\n';
const WITH_LENGTH = 'Host: t1.test\r\nContent-Length: 11\r\n\r\nhello world';
const WITH_CHUNKS =
  'Host: t1.test\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nX-T: 1\r\n\r\n';
const WITH_EXPECT =
  'Host: t1.test\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\nhello world';
const WEB_SOCKET =
  'Host: t1.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\ntunnel bytes';
const LENGTH_OK = 'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world';
const CHUNKS_OK =
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x\r\n world\r\n0\r\nX-T: 1\r\n\r\n';
const CLOSE_OK = 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello world';
const OLD_OK = 'HTTP/1.0 200 OK\r\n\r\nhello world';
const HINTS_OK = `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${LENGTH_OK}`;
const TUNNEL =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\ntunnel answer';

const exchange = (
  name: string,
  method: ResponseInput['method'],
  rest: string,
  response: string,
  clientMinor: 0 | 1 = 1,
): Exchange => ({
  name,
  method,
  clientMinor,
  rest,
  response,
  tunnel: response === TUNNEL,
  untilClose: response === CLOSE_OK || response === OLD_OK,
});

const EXCHANGES: readonly Exchange[] = [
  exchange('GET, length', 'GET', NO_BODY, LENGTH_OK),
  exchange('GET, chunks', 'GET', NO_BODY, CHUNKS_OK),
  exchange('GET, until close', 'GET', NO_BODY, CLOSE_OK),
  exchange('GET, HTTP/1.0 answer', 'GET', NO_BODY, OLD_OK),
  exchange('GET, empty', 'GET', NO_BODY, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
  exchange('GET, 204', 'GET', NO_BODY, 'HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n'),
  exchange('GET, 304', 'GET', NO_BODY, 'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n'),
  exchange('GET, hints first', 'GET', NO_BODY, HINTS_OK),
  exchange('GET with a body', 'GET', WITH_LENGTH, LENGTH_OK),
  exchange('HEAD', 'HEAD', NO_BODY, 'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n'),
  exchange(
    'HEAD, chunks',
    'HEAD',
    NO_BODY,
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
  ),
  exchange('POST, length', 'POST', WITH_LENGTH, LENGTH_OK),
  exchange('POST, length, chunks', 'POST', WITH_LENGTH, CHUNKS_OK),
  exchange('POST, chunks', 'POST', WITH_CHUNKS, LENGTH_OK),
  exchange('POST, chunks, chunks', 'POST', WITH_CHUNKS, CHUNKS_OK),
  exchange('POST, empty', 'POST', 'Host: t1.test\r\nContent-Length: 0\r\n\r\n', LENGTH_OK),
  exchange('POST, 100-continue', 'POST', WITH_EXPECT, `HTTP/1.1 100 Continue\r\n\r\n${LENGTH_OK}`),
  exchange('HTTP/1.0, length', 'GET', NO_BODY, LENGTH_OK, 0),
  exchange('HTTP/1.0, chunks', 'GET', NO_BODY, CHUNKS_OK, 0),
  exchange('HTTP/1.0, until close', 'GET', NO_BODY, CLOSE_OK, 0),
  exchange('WebSocket', 'GET', WEB_SOCKET, TUNNEL),
];

/** Digits of an input in its target, always as many, so that offsets do not depend on it. */
const INDEX_DIGITS = 8;

interface Cut {
  readonly exchange: Exchange;
  readonly side: CutInput['side'];
  readonly how: CutInput['how'];
  readonly offset: number;
}

const CUTS: readonly Cut[] = EXCHANGES.flatMap((one) =>
  (['client', 'backend'] as const).flatMap((side) => {
    const bytes = side === 'client' ? requestOf(one, 0).length : one.response.length;
    return (['fin', 'reset'] as const).flatMap((how) =>
      Array.from({ length: bytes + 1 }, (_, offset) => ({ exchange: one, side, how, offset })),
    );
  }),
);

/** How many different cuts there are: every byte of every exchange, from both sides, with FIN and RST. */
export const CUT_COUNT = CUTS.length;

/** A prime that does not divide the number of cuts: any run of inputs is spread over all exchanges. */
const STRIDE = 7919;

/** The cut of an input. Each comes once among {@link CUT_COUNT} neighbours; every second round is sent in pieces. */
export function cutInput(index: number): CutInput {
  const cut = CUTS[(index * STRIDE) % CUT_COUNT];
  if (cut === undefined) throw new Error(`no cut ${index}`);
  const { exchange: one, side, how, offset } = cut;
  const cutsResponse = side === 'backend';
  const text = cutsResponse ? one.response.slice(0, offset) : one.response;
  const ending: BackendEnding = cutsResponse ? how : 'open';
  const bytes = Buffer.from(text, 'latin1');
  const inPieces = Math.floor(index / CUT_COUNT) % 2 === 1;
  return {
    name: one.name,
    side,
    how,
    offset,
    request: Buffer.from(requestOf(one, index), 'latin1'),
    response: {
      method: one.method,
      clientMinor: one.clientMinor,
      bytes,
      pieces: inPieces ? splitEvenly(bytes) : [bytes],
      ending: ending === 'open' && one.untilClose ? 'fin' : ending,
      meaning: meaningOf(text, one.method, ending !== 'reset'),
      tunnel: one.tunnel,
    },
  };
}

function requestOf({ method, clientMinor, rest }: Exchange, index: number): string {
  const number = String(index).padStart(INDEX_DIGITS, '0');
  return `${method} /r/${number} HTTP/1.${clientMinor}\r\n${rest}`;
}
