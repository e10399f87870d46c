import { DEFAULT_HTTP1_LIMITS } from '@headgate/http1';
import type { FuzzRandom, NonEmpty } from '../fuzz-random.ts';
import { valuesOf } from '../read/read-request.ts';
import { readResponse, type ReadResponse } from '../read/strict-reader.ts';
import { mutate } from './mutations.ts';
import { bodyText, chunks, field } from './request-grammar.ts';
import { splitAtRandom } from './splits.ts';

/** What the backend does with its connection behind the bytes. */
export type BackendEnding = 'open' | 'fin' | 'reset';

/** A request and what a hostile backend answers to it. */
export interface ResponseInput {
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly clientMinor: 0 | 1;
  readonly bytes: Buffer;
  readonly pieces: readonly Buffer[];
  readonly ending: BackendEnding;
  readonly meaning: ResponseMeaning;
  /** It opens a tunnel, in which there is no HTTP. */
  readonly tunnel: boolean;
}

/** What the bytes of a backend mean to a strict reader. */
export interface ResponseMeaning {
  /** `complete`, or why there is no whole final response. */
  readonly state: 'complete' | 'incomplete' | 'fault';
  readonly status: number;
  readonly body: string;
  /** Nothing speaks against another request on the connection. */
  readonly reusable: boolean;
}

const STATUSES: NonEmpty<number> = [
  200, 200, 200, 201, 204, 206, 301, 304, 404, 416, 500, 503, 599,
];
const INTERIM: NonEmpty<string> = [
  'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 102 Processing\r\nX-A: b\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
];
const JUNK: NonEmpty<string> = [
  'x', '\r\n', '\r\n\r\n', 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison',
  'HTTP/1.1 200 OK\r\n', '0\r\n\r\n', '\0',
]; // prettier-ignore

/** Makes a response; about half are as a backend should send them. */
export function responseInput(random: FuzzRandom, corpus: NonEmpty<string>): ResponseInput {
  const method = random.pick(['GET', 'GET', 'GET', 'POST', 'HEAD'] as const);
  const clientMinor = random.chance(0.1) ? 0 : 1;
  const bytes = Buffer.from(responseText(random, corpus, method), 'latin1');
  const text = bytes.toString('latin1'); // a change of case may leave latin1
  const meanings = { ended: meaningOf(text, method, true), open: meaningOf(text, method, false) };
  // A backend that falls silent in the middle only costs the time until a timeout.
  const mayStayOpen = meanings.open.state === 'complete';
  const ending = random.pick<BackendEnding>(
    mayStayOpen ? ['open', 'open', 'open', 'fin', 'reset'] : ['fin', 'fin', 'reset'],
  );
  const meaning = ending === 'fin' ? meanings.ended : meanings.open;
  // What comes behind a response, later and by itself, may meet the next request: HTTP/1.1 cannot tell.
  const whole = !meaning.reusable || random.chance(0.5);
  const pieces = whole ? [bytes] : splitAtRandom(bytes, random);
  return { method, clientMinor, bytes, pieces, ending, meaning, tunnel: false };
}

function responseText(random: FuzzRandom, corpus: NonEmpty<string>, method: string): string {
  const kind = random.int(100);
  if (kind < 40) return validResponse(random, method);
  if (kind < 75) return mutate(validResponse(random, method), random);
  if (kind < 85) return mutate(random.pick(corpus), random);
  if (kind < 93) return validResponse(random, method) + random.pick(JUNK);
  const whole = validResponse(random, method);
  return whole.slice(0, random.int(whole.length));
}

function validResponse(random: FuzzRandom, method: string): string {
  const status = random.pick(STATUSES);
  const minor = random.chance(0.08) ? 0 : 1;
  const lines: string[] = [];
  for (let more = random.int(4); more > 0; more--) lines.push(responseField(random));
  if (random.chance(0.1)) lines.push(`Connection: ${random.pick(['close', 'keep-alive', 'X-A'])}`);
  const body = bodyText(random);
  const bodyless = method === 'HEAD' || status === 204 || status === 304;
  const framing =
    status === 204 ? 'close' : random.pick(['length', 'length', 'chunked', 'close'] as const);
  let coded = body;
  if (framing === 'length') lines.push(`Content-Length: ${body.length}`);
  if (framing === 'chunked' && minor === 1) {
    lines.push('Transfer-Encoding: chunked');
    coded = chunks(random, body);
  }
  const start = `HTTP/1.${minor} ${status}${random.pick([' OK', ' ', '', ' Some \xe9 reason'])}`;
  const head = [start, ...lines].join('\r\n');
  return `${random.chance(0.1) ? random.pick(INTERIM) : ''}${head}\r\n\r\n${bodyless ? '' : coded}`;
}

/** Not those that mean something else in a response. */
function responseField(random: FuzzRandom): string {
  for (;;) {
    const line = field(random);
    if (!/^(connection|upgrade|transfer-encoding|content-length):/i.test(line)) return line;
  }
}

/** Names that some servers fold into the framing names. */
const FRAMING_ALIAS = /^(?:content_length|transfer_encoding)$/i;

/** A tab beside a value that delimits a message, which some servers take for a part of it. */
const FRAMING_TAB = /\r\n(?:content-length|transfer-encoding):(?: *\t|[^\r]*\t *\r\n)/i;

/** What the edge refuses by policy, beyond the grammar: `head` is a head with its end, `read` what it means. */
function isRefused(head: string, { status, headers }: ReadResponse): boolean {
  if (status === 101 || FRAMING_TAB.test(head)) return true;
  const announced = valuesOf(headers, 'content-length').some((length) => Number(length) > 0);
  const coded = valuesOf(headers, 'transfer-encoding').length > 0;
  if (status < 200 && (announced || coded)) return true;
  if (headers.length > DEFAULT_HTTP1_LIMITS.headerCountMax) return true;
  if (head.length > DEFAULT_HTTP1_LIMITS.headBytesMax) return true;
  return headers.some(
    ([name]) => FRAMING_ALIAS.test(name) || name.length > DEFAULT_HTTP1_LIMITS.headerNameBytesMax,
  );
}

/** Reads what a backend sends, interim responses passed over. @param ended it sends FIN behind that. */
export function meaningOf(text: string, method: string, ended: boolean): ResponseMeaning {
  for (let at = 0; ;) {
    const read = readResponse(text, at, method, ended);
    if (read === 'incomplete' || 'fault' in read) {
      const state = read === 'incomplete' ? 'incomplete' : 'fault';
      return { state, status: 0, body: '', reusable: false };
    }
    const { status, body, persistent, closeDelimited } = read.value;
    if (isRefused(text.slice(at, text.indexOf('\r\n\r\n', at) + 4), read.value)) {
      return { state: 'fault', status, body: '', reusable: false };
    }
    if (status >= 200) {
      const reusable = read.end === text.length && persistent && !closeDelimited;
      return { state: 'complete', status, body, reusable };
    }
    at = read.end;
  }
}
