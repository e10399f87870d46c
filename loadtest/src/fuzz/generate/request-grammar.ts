import type { FuzzRandom, NonEmpty } from '../fuzz-random.ts';

// Requests as RFC 9110 and RFC 9112 allow them, with every feature that the edge treats on its own. As latin1 text.

const CRLF = '\r\n';

const METHODS: NonEmpty<string> = [
  'GET', 'GET', 'GET', 'POST', 'POST', 'PUT', 'HEAD', 'DELETE', 'PATCH', 'OPTIONS', 'QUERY',
  'PROPFIND', 'M-SEARCH',
]; // prettier-ignore
/** Methods are case-sensitive tokens; few servers know these. */
const RARE_METHODS: NonEmpty<string> = ['get', "X!#$%&'*+-.^_`|~9", 'PURGE', 'A'];
const PATHS: NonEmpty<string> = [
  '/', '/p', '/g?a=1', '/a/b/c', '/g?x=%2f..//', '/a;b=c/d', '/%7Euser', '/a%20b', '/%C3%A9',
  '/p?', '/g?q=a?b', "/a!$&'()*+,=:@-._~", '/%252e%252e/', '/trail/', '/g?[]{}|^`"<>',
]; // prettier-ignore
const HOSTS: NonEmpty<string> = [
  't1.test', 't1.test', 't1.test', 't2.test', 'T1.Test', 't1.test:80', 't2.test:8080',
  't1.test.', 'other.test', '[::1]', '127.0.0.1:9',
]; // prettier-ignore
const NAMES: NonEmpty<string> = [
  'X-A', 'Accept', 'User-Agent', 'Cookie', 'X_y', 'Authorization', 'Range', 'Cache-Control',
  'Referer', 'Via', 'X-Forwarded-For', 'X-Request-Id', 'X-Tenant-Id', 'X-Consumer', 'Forwarded',
  'Traceparent', 'TE', 'Trailer', 'Keep-Alive', 'Proxy-Connection', 'Proxy-Authorization',
  'Max-Forwards', 'Upgrade', '__proto__', 'constructor', "a!#$%&'*+-.^`|~", 'Content-Type',
  'If-None-Match', 'X-Forwarded-Host', 'HTTP2-Settings',
]; // prettier-ignore
const VALUES: NonEmpty<string> = [
  '', 'a', 'a b', '*/*', 'a=b; c=d', '"quoted \\" text"', '1', 'chunked', 'close', '\x80\xff',
  'a\tb', 't2', '5', 'trailers', 'h2c', 'websocket', '203.0.113.9, 10.0.0.1', 'GET / HTTP/1.1',
  'x'.repeat(300), 'a:b,c;d', '{"a":[1]}',
]; // prettier-ignore
const BODIES: NonEmpty<string> = [
  '', 'x', 'hello', 'hello world', '0\r\n\r\n',
  'GET /smuggled HTTP/1.1\r\nHost: t2.test\r\n\r\n', '\r\n\r\n', '\0\x01\xff\xfe', 'a=1&b=2',
  '5\r\nhello\r\n0\r\n\r\n',
]; // prettier-ignore
const EXTENSIONS: NonEmpty<string> = [
  '', '', '', ';a', ';a=b', ';a="q;\\""', ';a=1;b="x y"',
]; // prettier-ignore
const TRAILERS: NonEmpty<string> = [
  '', '', '', 'X-T: 1\r\n', 'Content-Length: 5\r\n', 'X-Tenant-Id: t2\r\nHost: t2.test\r\n',
]; // prettier-ignore
const CONNECTIONS: NonEmpty<string> = [
  'keep-alive', 'Keep-Alive', 'close', 'keep-alive, X-A', 'X-Tenant-Id', 'Host',
  'Content-Length, Transfer-Encoding', 'x-request-id , via', ',', 'Upgrade',
  'upgrade, keep-alive', 'CLOSE', 'te, close',
]; // prettier-ignore

/** A legal request that may be followed by another one. */
export function validRequest(random: FuzzRandom): string {
  const method = random.pick(random.chance(0.02) ? RARE_METHODS : METHODS);
  const host = random.pick(HOSTS);
  const minor = random.chance(0.06) ? 0 : 1;
  const lines = [`Host:${space(random)}${host}${random.chance(0.1) ? ' \t' : ''}`];
  for (let more = random.int(5); more > 0; more--) lines.push(field(random));
  if (random.chance(0.15))
    lines.push(`${caseOf('Connection', random)}: ${random.pick(CONNECTIONS)}`);
  if (random.chance(0.04)) lines.push('Expect: 100-continue');
  const hasBody = random.chance(method === 'GET' || method === 'HEAD' ? 0.1 : 0.75);
  const body = hasBody ? framedBody(random, minor) : null;
  if (body !== null) lines.push(body.field);
  shuffle(lines, random);
  const lead = random.chance(0.03) ? CRLF : '';
  const start = `${method} ${target(method, host, random)} HTTP/1.${minor}`;
  return `${lead}${start}${CRLF}${lines.join(CRLF)}${CRLF}${CRLF}${body?.bytes ?? ''}`;
}

/** A header line without its CRLF. */
export function field(random: FuzzRandom): string {
  const start = `${caseOf(random.pick(NAMES), random)}:${space(random)}`;
  return start + random.pick(VALUES) + (random.chance(0.1) ? '\t ' : '');
}

/** A body in the chunked coding. */
export function chunks(random: FuzzRandom, body: string): string {
  let coded = '';
  for (let at = 0; at < body.length;) {
    const bytes = 1 + random.int(random.chance(0.3) ? 3 : body.length - at);
    const data = body.slice(at, at + bytes);
    const size = data.length.toString(16);
    const digits = random.chance(0.2) ? size.toUpperCase().padStart(1 + random.int(8), '0') : size;
    coded += digits + random.pick(EXTENSIONS) + CRLF + data + CRLF;
    at += bytes;
  }
  const last = random.chance(0.1) ? '000' : '0';
  return coded + last + random.pick(EXTENSIONS) + CRLF + random.pick(TRAILERS) + CRLF;
}

/** A body, now and then a large one. */
export function bodyText(random: FuzzRandom): string {
  if (random.chance(0.002)) return 'L'.repeat(20_000 + random.int(60_000));
  return random.pick(BODIES);
}

function framedBody(random: FuzzRandom, minor: number): { field: string; bytes: string } {
  const body = bodyText(random);
  if (minor === 1 && random.chance(0.5)) {
    const name = caseOf('Transfer-Encoding', random);
    return { field: `${name}: ${caseOf('chunked', random)}`, bytes: chunks(random, body) };
  }
  const zeros = random.chance(0.05) ? '00' : '';
  return { field: `${caseOf('Content-Length', random)}: ${zeros}${body.length}`, bytes: body };
}

function target(method: string, host: string, random: FuzzRandom): string {
  if (method === 'OPTIONS' && random.chance(0.3)) return '*';
  const path = random.pick(PATHS);
  if (!random.chance(0.06)) return path;
  return `${random.pick(['http', 'HTTP', 'https'])}://${host}${random.chance(0.2) ? '' : path}`;
}

function caseOf(text: string, random: FuzzRandom): string {
  if (!random.chance(0.2)) return text;
  return random.chance(0.5) ? text.toLowerCase() : text.toUpperCase();
}

function space(random: FuzzRandom): string {
  return random.chance(0.85) ? ' ' : random.pick(['', '  ', '\t', ' \t ']);
}

function shuffle(lines: string[], random: FuzzRandom): void {
  for (let i = lines.length - 1; i > 0; i--) {
    const j = random.int(i + 1);
    [lines[i], lines[j]] = [lines[j] ?? '', lines[i] ?? ''];
  }
}
