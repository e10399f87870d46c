import { canonicalHost, valuesOf, type ReadRequest, type ReadStream } from './read-request.ts';

// A second opinion, written from the grammar of RFC 9112 with nothing shared with libs/http1: whole text instead of
// single bytes, string functions instead of tables. Slow and simple on purpose; it need not resume.

const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) HTTP\/1\.([01])$/;
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const TCHARS = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const QUOTED = String.raw`"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"`;
const EXTENSION = new RegExp(`^(?:;${TCHARS}(?:=(?:${TCHARS}|${QUOTED}))?)*$`);

type Headers = readonly (readonly [string, string])[];

/** How a reading ended early: at a fault, or because the text ends within a message. */
type Stop = { readonly fault: string } | 'incomplete';

interface Located<T> {
  readonly value: T;
  /** Offset behind it. */
  readonly end: number;
}

/** Reads all requests of a stream; one CRLF before each is passed over if `leadAllowed`. */
export function readRequestsStrictly(text: string, leadAllowed: boolean): ReadStream {
  const requests: ReadRequest[] = [];
  let at = 0;
  while (at < text.length) {
    if (leadAllowed && text.startsWith('\r\n', at)) at += 2;
    const read = readRequest(text, at);
    if (read === 'incomplete') break;
    if ('fault' in read) return { requests, fault: read.fault };
    requests.push(read.value);
    at = read.end;
    if (!read.persistent) break;
  }
  return { requests, fault: null };
}

/** Reads the request at the start of `text`. */
export function readRequest(
  text: string,
  at: number,
): (Located<ReadRequest> & { readonly persistent: boolean }) | Stop {
  const head = readHead(text, at);
  if (head === 'incomplete' || 'fault' in head) return head;
  const [start, headers] = head.value;
  const line = REQUEST_LINE.exec(start);
  if (line === null) return { fault: 'request line' };
  const [, method = '', target = '', minor] = line;
  const hosts = valuesOf(headers, 'host');
  if (hosts.length > 1 || (hosts.length === 0 && minor === '1')) return { fault: 'host' };
  const body = readBody(text, head.end, headers, 'no body');
  if (body === 'incomplete' || 'fault' in body) return body;
  const [host = ''] = hosts;
  return {
    value: {
      method,
      target,
      host: canonicalHost(host),
      headers,
      body: body.value,
    },
    end: body.end,
    persistent: isPersistent(headers, minor ?? ''),
  };
}

/** A response as it came over the wire. */
export interface ReadResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
  /** Ends with the connection. */
  readonly closeDelimited: boolean;
  /** Whether the connection may carry another one. */
  readonly persistent: boolean;
}

/**
 * Reads the response at `at` to a request with this method.
 *
 * @param ended the connection has ended cleanly, which completes a body without length.
 */
export function readResponse(
  text: string,
  at: number,
  method: string,
  ended: boolean,
): Located<ReadResponse> | Stop {
  const head = readHead(text, at);
  if (head === 'incomplete' || 'fault' in head) return head;
  const [start, headers] = head.value;
  const line = STATUS_LINE.exec(start);
  if (line === null) return { fault: 'status line' };
  const status = Number(line[2]);
  if (line[1] === '0' && valuesOf(headers, 'transfer-encoding').length > 0) {
    return { fault: 'framing: HTTP/1.0 has no codings' };
  }
  const bodyless = method === 'HEAD' || status < 200 || status === 204 || status === 304;
  const framed = readBody(text, head.end, headers, 'until close');
  if (framed !== 'incomplete' && 'fault' in framed && framed.fault.startsWith('framing'))
    return framed;
  const persistent = isPersistent(headers, line[1] ?? '');
  if (bodyless) {
    const value = { status, headers, body: '', closeDelimited: false, persistent };
    return { value, end: head.end };
  }
  if (framed === 'incomplete' || 'fault' in framed) return framed;
  const closeDelimited = framed.end === Infinity;
  if (closeDelimited && !ended) return 'incomplete';
  return {
    value: { status, headers, body: framed.value, closeDelimited, persistent },
    end: Math.min(framed.end, text.length),
  };
}

function readHead(text: string, at: number): Located<readonly [string, Headers]> | Stop {
  const end = text.indexOf('\r\n\r\n', at);
  if (end === -1) return 'incomplete';
  const [start = '', ...lines] = text.slice(at, end).split('\r\n');
  const headers: [string, string][] = [];
  for (const line of lines) {
    const header = readField(line);
    if (header === null) return { fault: `field ${JSON.stringify(line)}` };
    headers.push(header);
  }
  return { value: [start, headers], end: end + 4 };
}

function readField(line: string): [string, string] | null {
  const colon = line.indexOf(':');
  const name = line.slice(0, Math.max(colon, 0));
  const value = line.slice(colon + 1);
  if (!NAME.test(name) || !VALUE.test(value)) return null;
  return [name, withoutSpace(value)];
}

/** Not `trim()`, which takes more than SP and HTAB. */
function withoutSpace(value: string): string {
  let from = 0;
  let to = value.length;
  while (from < to && (value[from] === ' ' || value[from] === '\t')) from++;
  while (to > from && (value[to - 1] === ' ' || value[to - 1] === '\t')) to--;
  return value.slice(from, to);
}

/** @param without what a message without length has. The end of a body until close is Infinity. */
function readBody(
  text: string,
  at: number,
  headers: Headers,
  without: 'no body' | 'until close',
): Located<string> | Stop {
  const codings = valuesOf(headers, 'transfer-encoding');
  const lengths = valuesOf(headers, 'content-length');
  if (codings.length + lengths.length > 1) return { fault: 'framing: two statements' };
  const [coding] = codings;
  if (coding !== undefined) {
    if (coding.toLowerCase() !== 'chunked') return { fault: 'framing: coding' };
    return readChunks(text, at);
  }
  const [length] = lengths;
  if (length !== undefined) {
    if (!/^[0-9]+$/.test(length) || Number(length) > Number.MAX_SAFE_INTEGER) {
      return { fault: 'framing: length' };
    }
    const end = at + Number(length);
    return end > text.length ? 'incomplete' : { value: text.slice(at, end), end };
  }
  return without === 'no body' ? { value: '', end: at } : { value: text.slice(at), end: Infinity };
}

function readChunks(text: string, start: number): Located<string> | Stop {
  let body = '';
  let at = start;
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd === -1) return 'incomplete';
    const line = text.slice(at, lineEnd);
    const digits = /^[0-9A-Fa-f]+/.exec(line)?.[0] ?? '';
    if (digits === '' || !EXTENSION.test(line.slice(digits.length))) return { fault: 'chunk size' };
    const bytes = BigInt(`0x${digits}`);
    at = lineEnd + 2;
    if (bytes === 0n) return readTrailers(text, at, body);
    if (bytes > BigInt(text.length)) return 'incomplete';
    const dataEnd = at + Number(bytes);
    if (dataEnd + 2 > text.length) return 'incomplete';
    if (!text.startsWith('\r\n', dataEnd)) return { fault: 'chunk end' };
    body += text.slice(at, dataEnd);
    at = dataEnd + 2;
  }
}

function readTrailers(text: string, start: number, body: string): Located<string> | Stop {
  let at = start;
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd === -1) return 'incomplete';
    if (lineEnd === at) return { value: body, end: at + 2 };
    if (readField(text.slice(at, lineEnd)) === null) return { fault: 'trailer' };
    at = lineEnd + 2;
  }
}

function isPersistent(headers: Headers, minor: string): boolean {
  const options = valuesOf(headers, 'connection')
    .join(',')
    .split(',')
    .map((option) => withoutSpace(option).toLowerCase());
  return !options.includes('close') && (minor === '1' || options.includes('keep-alive'));
}
