import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { byteByByte, readRequests, readResponses } from './message-reader.ts';
import type { ReadStream } from './message-reader.ts';

/** A message with one free byte at `@`, and the bytes that may stand there. */
interface Row {
  readonly position: string;
  readonly message: string;
  readonly accepted: (byte: number) => boolean;
  readonly side?: 'response';
}

const digits = '0123456789';
const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
const hex = `${digits}abcdefABCDEF`;
const token = `!#$%&'*+-.^_\`|~${digits}${letters}`;
const oneOf = (characters: string) => (byte: number) =>
  characters.includes(String.fromCharCode(byte));
const none = (): boolean => false;
const isText = (byte: number): boolean => byte === 9 || (byte >= 32 && byte !== 127);
const isVisible = (byte: number): boolean => byte > 32 && byte < 127;
const outside = (inner: (byte: number) => boolean, excluded: string) => (byte: number) =>
  inner(byte) && !oneOf(excluded)(byte);

const get = 'GET / HTTP/1.1\r\nHost: a.test\r\n';
const post = 'POST / HTTP/1.1\r\nHost: a.test\r\n';
const chunked = `${post}Transfer-Encoding: chunked\r\n\r\n`;

const rows: readonly Row[] = [
  row('before the method', `@${get}\r\n`, oneOf(token)),
  row('in the method', `G@T / HTTP/1.1\r\nHost: a.test\r\n\r\n`, oneOf(token)),
  row('behind the method', `GET@/ HTTP/1.1\r\nHost: a.test\r\n\r\n`, oneOf(' ')),
  row('first of the target', `GET @ HTTP/1.1\r\nHost: a.test\r\n\r\n`, oneOf('/')),
  row('in the path', `GET /a@b HTTP/1.1\r\nHost: a.test\r\n\r\n`, outside(isVisible, '#\\%')),
  row('alone in a segment', `GET /a/@/b HTTP/1.1\r\nHost: a.test\r\n\r\n`, (byte) =>
    // A dot segment, an empty segment; `?` starts the query.
    outside(isVisible, '#\\%./')(byte),
  ),
  row('in the query', `GET /?a@b HTTP/1.1\r\nHost: a.test\r\n\r\n`, outside(isVisible, '#\\')),
  row('in an escape', `GET /%4@ HTTP/1.1\r\nHost: a.test\r\n\r\n`, oneOf(hex)),
  row('behind the target', `GET /@HTTP/1.1\r\nHost: a.test\r\n\r\n`, oneOf(' ')),
  row('in the protocol name', `GET / HT@P/1.1\r\nHost: a.test\r\n\r\n`, oneOf('T')),
  row('major version', `GET / HTTP/@.1\r\nHost: a.test\r\n\r\n`, oneOf('1')),
  row('dot of the version', `GET / HTTP/1@1\r\nHost: a.test\r\n\r\n`, oneOf('.')),
  row('minor version', `GET / HTTP/1.@\r\nHost: a.test\r\n\r\n`, oneOf('01')),
  row('behind the version', `GET / HTTP/1.1@\r\nHost: a.test\r\n\r\n`, none),
  row('CR of the request line', `GET / HTTP/1.1@\nHost: a.test\r\n\r\n`, oneOf('\r')),
  row('LF of the request line', `GET / HTTP/1.1\r@Host: a.test\r\n\r\n`, oneOf('\n')),
  row('first of a name', `${get}@x: 1\r\n\r\n`, oneOf(token)),
  row('in a name', `${get}x@y: 1\r\n\r\n`, oneOf(`${token}:`)),
  row('before the colon', `${get}xy@: 1\r\n\r\n`, oneOf(`${token}:`)),
  row('in place of the colon', `${get}xy@ 1\r\n\r\n`, oneOf(':')),
  row('behind the colon', `${get}xy:@1\r\n\r\n`, isText),
  row('in a value', `${get}xy: a@b\r\n\r\n`, isText),
  row('behind a value', `${get}xy: a@\r\n\r\n`, isText),
  row('CR of a header', `${get}xy: a@\n\r\n`, oneOf('\r')),
  row('LF of a header', `${get}xy: a\r@\r\n`, oneOf('\n')),
  row('LF of the head', `${get}xy: a\r\n\r@`, oneOf('\n')),
  row('in a host', `GET / HTTP/1.1\r\nHost: a@b.test\r\n\r\n`, oneOf(`${digits}${letters}-._`)),
  row(
    'before a host',
    `GET / HTTP/1.1\r\nHost: @a.test\r\n\r\n`,
    oneOf(`${digits}${letters}-_ \t`),
  ),
  row('in a port', `GET / HTTP/1.1\r\nHost: a.test:8@\r\n\r\n`, oneOf(`${digits} \t`)),
  row('in a length', `${post}Content-Length: @\r\n\r\n`, oneOf('0')),
  row('behind a length', `${post}Content-Length: 0@\r\n\r\n`, oneOf('0 ')),
  row('before a length', `${post}Content-Length:@0\r\n\r\n`, oneOf('0 ')),
  row('in a coding', `${post}Transfer-Encoding: chunke@\r\n\r\n0\r\n\r\n`, oneOf('dD')),
  row('behind a coding', `${post}Transfer-Encoding: chunked@\r\n\r\n0\r\n\r\n`, oneOf(' ')),
  row('before a coding', `${post}Transfer-Encoding:@chunked\r\n\r\n0\r\n\r\n`, oneOf(' ')),
  row('before a chunk size', `${chunked}@1\r\nx\r\n0\r\n\r\n`, oneOf('0')),
  row('a chunk size', `${chunked}@\r\nx\r\n0\r\n\r\n`, oneOf('1')),
  row('behind a chunk size', `${chunked}1@\r\nx\r\n0\r\n\r\n`, none),
  row('first of an extension', `${chunked}1;@\r\nx\r\n0\r\n\r\n`, oneOf(token)),
  row('in an extension', `${chunked}1;a@b\r\nx\r\n0\r\n\r\n`, oneOf(`${token};=`)),
  row('in an extension value', `${chunked}1;a=b@c\r\nx\r\n0\r\n\r\n`, oneOf(`${token};`)),
  row('in a quoted value', `${chunked}1;a="b@c"\r\nx\r\n0\r\n\r\n`, outside(isText, '"')),
  row('escaped in a quoted value', `${chunked}1;a="\\@"\r\nx\r\n0\r\n\r\n`, isText),
  row('behind a quoted value', `${chunked}1;a="b"@\r\nx\r\n0\r\n\r\n`, none),
  row('CR of a size line', `${chunked}1@\nx\r\n0\r\n\r\n`, oneOf('\r')),
  row('LF of a size line', `${chunked}1\r@x\r\n0\r\n\r\n`, oneOf('\n')),
  row('CR behind chunk data', `${chunked}1\r\nx@\n0\r\n\r\n`, oneOf('\r')),
  row('LF behind chunk data', `${chunked}1\r\nx\r@0\r\n\r\n`, oneOf('\n')),
  row('chunk data', `${chunked}1\r\n@\r\n0\r\n\r\n`, () => true),
  row('first of a trailer', `${chunked}0\r\n@x: 1\r\n\r\n`, oneOf(token)),
  row('in a trailer name', `${chunked}0\r\nx@y: 1\r\n\r\n`, oneOf(`${token}:`)),
  row('in a trailer value', `${chunked}0\r\nx: a@b\r\n\r\n`, isText),
  row('LF of a trailer', `${chunked}0\r\nx: a\r@\r\n`, oneOf('\n')),
  row('LF of the last line', `${chunked}0\r\n\r@`, oneOf('\n')),
  answer('first of a status line', '@TTP/1.1 204 No\r\n\r\n', oneOf('H')),
  answer('minor version of a response', 'HTTP/1.@ 204 No\r\n\r\n', oneOf('01')),
  answer('before a status', 'HTTP/1.1@204 No\r\n\r\n', oneOf(' ')),
  answer('first of a status', 'HTTP/1.1 @04 No\r\nContent-Length: 0\r\n\r\n', oneOf('12345')),
  answer('last of a status', 'HTTP/1.1 20@ No\r\nContent-Length: 0\r\n\r\n', oneOf(digits)),
  answer('behind a status', 'HTTP/1.1 204@No\r\n\r\n', oneOf(' ')),
  answer('in a reason', 'HTTP/1.1 204 N@o\r\n\r\n', isText),
  answer('LF of a status line', 'HTTP/1.1 204 No\r@\r\n', oneOf('\n')),
];

for (const { position, message, accepted, side } of rows) {
  test(`${position}: exactly the legal ones of 256 bytes pass`, () => {
    const at = message.indexOf('@');
    for (let byte = 0; byte < 256; byte++) {
      const bytes = Buffer.from(message, 'latin1');
      bytes[at] = byte;
      const whole = read(side, [bytes]);
      const passes = whole.fault === null && whole.messages.at(-1)?.complete === true;
      const shown = `byte ${byte.toString(16)}: ${whole.fault}`;
      assert.equal(passes && !whole.headPending, accepted(byte), shown);
      assert.deepEqual(read(side, byteByByte(bytes)), whole, shown);
    }
  });
}

function read(side: Row['side'], pieces: Iterable<Buffer>): ReadStream {
  return side === 'response' ? readResponses(pieces, 'GET') : readRequests(pieces);
}

function row(position: string, message: string, accepted: Row['accepted']): Row {
  return { position, message, accepted };
}

function answer(position: string, message: string, accepted: Row['accepted']): Row {
  return { position, message, accepted, side: 'response' };
}
