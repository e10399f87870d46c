import { IDENTITY_NAMES, IDENTITY_PREFIXES } from '@headgate/http1';
import type { RecordedRequest } from '@headgate/testkit';

/** A request that a client sent in valid bytes, as an endpoint has to see it. */
export interface ExpectedRequest {
  readonly method: string;
  /** In origin-form or asterisk-form. */
  readonly target: string;
  /** Lower case, without trailing dot. */
  readonly host: string;
  /** End-to-end fields that are not the edge's to set, names in lower case, in their order. */
  readonly fields: readonly string[];
  /** Without transfer coding, latin1. */
  readonly body: string;
}

/** What the edge sets; a client's own are dropped. */
const EDGE_FIELDS = [
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-request-id',
  'x-tenant-id',
];
const DROPPED = new Set<string>([
  ...EDGE_FIELDS,
  ...IDENTITY_NAMES,
  ...['forwarded', 'traceparent', 'x-api-key'],
  ...['connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization'],
  ...['te', 'trailer', 'upgrade', 'host', 'content-length', 'transfer-encoding'],
]);

function isDropped(name: string): boolean {
  return DROPPED.has(name) || IDENTITY_PREFIXES.some((prefix) => name.startsWith(prefix));
}

interface Message {
  readonly line: string;
  readonly fields: readonly (readonly [string, string])[];
  readonly body: string;
  readonly end: number;
}

/**
 * Reads the requests at the start of `bytes`, as many as are whole. A plain reader that knows no strictness: only for
 * bytes that the edge has accepted.
 */
export function readExpectedRequests(bytes: Buffer): ExpectedRequest[] {
  const text = bytes.toString('latin1');
  const requests: ExpectedRequest[] = [];
  for (let at = 0; ;) {
    if (text.startsWith('\r\n', at)) at += 2; // RFC 9112 section 2.2
    const message = readMessage(text, at);
    if (message === null) return requests;
    requests.push(expectedOf(message));
    at = message.end;
  }
}

function readMessage(text: string, start: number): Message | null {
  const headEnd = text.indexOf('\r\n\r\n', start);
  if (headEnd === -1) return null;
  const [line = '', ...lines] = text.slice(start, headEnd).split('\r\n');
  const fields = lines.map((one): [string, string] => {
    const colon = one.indexOf(':');
    return [
      one.slice(0, colon).toLowerCase(),
      one.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, ''),
    ];
  });
  const value = (name: string) => fields.find(([key]) => key === name)?.[1];
  const bodyStart = headEnd + 4;
  if (value('transfer-encoding') !== undefined) {
    return readChunked({ line, fields }, text, bodyStart);
  }
  const length = value('content-length') ?? '0';
  const end = bodyStart + Number(length);
  if (!/^\d+$/.test(length) || end > text.length) return null;
  return { line, fields, body: text.slice(bodyStart, end), end };
}

function readChunked(
  head: Pick<Message, 'line' | 'fields'>,
  text: string,
  start: number,
): Message | null {
  let body = '';
  let at = start;
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd === -1) return null;
    const digits = /^[0-9a-f]+/i.exec(text.slice(at, lineEnd))?.[0];
    if (digits === undefined) return null;
    const size = Number.parseInt(digits, 16);
    if (size === 0) {
      const trailersEnd = text.indexOf('\r\n\r\n', lineEnd);
      return trailersEnd === -1 ? null : { ...head, body, end: trailersEnd + 4 };
    }
    body += text.slice(lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 2 + size + 2;
  }
}

function expectedOf({ line, fields, body }: Message): ExpectedRequest {
  const [method = '', target = '', version = ''] = line.split(' ');
  const absolute = /^https?:\/\/([^/?]*)(.*)$/i.exec(target);
  const host = absolute?.[1] ?? fields.find(([name]) => name === 'host')?.[1] ?? '';
  const path = absolute === null ? target : (absolute[2] ?? '');
  const nominated = new Set(
    fields
      .filter(([name]) => name === 'connection')
      .flatMap(([, value]) => value.split(',').map((option) => option.trim().toLowerCase())),
  );
  const waits = body !== '' && version === 'HTTP/1.1';
  return {
    method,
    target: originForm(method, path),
    host: host.toLowerCase().replace(/\.(?=:|$)/, ''),
    fields: fields
      .filter(([name]) => !isDropped(name) && !nominated.has(name) && (waits || name !== 'expect'))
      .map(
        ([name, value]) =>
          `${name}: ${name === 'max-forwards' ? fewerForwards(method, value) : value}`,
      ),
    body,
  };
}

/** RFC 9110 section 7.6.2. */
function fewerForwards(method: string, value: string): string {
  return method === 'OPTIONS' ? String(Number(value) - 1) : value;
}

/** Paths go on in normal form (RFC 3986 section 6.2.2), queries as they are. */
function originForm(method: string, target: string): string {
  if (target === '*' || (target === '' && method === 'OPTIONS')) return '*';
  const queryStart = target.indexOf('?');
  const path = queryStart === -1 ? target : target.slice(0, queryStart);
  const query = queryStart === -1 ? '' : target.slice(queryStart);
  const normal = path.replace(/%([0-9a-f]{2})/gi, (escape, digits: string) => {
    const character = String.fromCharCode(Number.parseInt(digits, 16));
    return /[\w.~-]/.test(character) ? character : escape.toUpperCase();
  });
  return (normal.startsWith('/') ? normal : `/${normal}`) + query;
}

/** How a recorded request deviates from what was authorised; empty for not at all. */
export function deviationsOf(
  recorded: RecordedRequest,
  expected: ExpectedRequest,
  tenantId: string,
): string[] {
  const message = readMessage(recorded.raw.toString('latin1'), 0);
  if (message?.end !== recorded.raw.length) return ['not one whole message'];
  const deviations: string[] = [];
  const check = (what: string, seen: string, wanted: string): void => {
    if (seen !== wanted)
      deviations.push(`${what}: ${JSON.stringify(seen)} for ${JSON.stringify(wanted)}`);
  };
  const values = (name: string) =>
    message.fields.filter(([key]) => key === name).map(([, value]) => value);
  check('line', message.line, `${expected.method} ${expected.target} HTTP/1.1`);
  check('host', values('host').join('|'), expected.host);
  check('body', message.body, expected.body);
  check('tenant', values('x-tenant-id').join('|'), tenantId);
  for (const name of EDGE_FIELDS) check(`count of ${name}`, String(values(name).length), '1');
  check('forwarded for', values('x-forwarded-for').join('|'), '127.0.0.1');
  const framings = values('content-length').length + values('transfer-encoding').length;
  if (framings > 1 || (framings === 0 && expected.body !== '')) deviations.push('framing');
  const kept = message.fields.filter(([name]) => !isDropped(name));
  check(
    'fields',
    kept.map(([name, value]) => `${name}: ${value}`).join('\n'),
    expected.fields.join('\n'),
  );
  return deviations;
}
