import { seededRandom } from './random.ts';

// Small valid messages and one or two doubtful ones, from which tests make many.

/** Requests by what they are about. */
export const SAMPLE_REQUESTS: Readonly<Record<string, string>> = {
  'request line and fields': 'GET /a/b?c HTTP/1.1\r\nHost: a.test:81\r\nA: b c\r\n\r\n',
  'escapes and dots': 'GET /%61.%2e/..%c3/;x%3b HTTP/1.1\r\nHost: a\r\n\r\n',
  'absolute-form': 'GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\n\r\n',
  'absolute-form of HTTP/1.0': 'GET http://[::1]:80?q HTTP/1.0\r\n\r\n',
  'asterisk-form': 'OPTIONS * HTTP/1.1\r\nHost: [::1]\r\n\r\n',
  'IPv6 host': 'GET / HTTP/1.1\r\nHost: [2001:db8::ffff:1.2.3.4]:8080\r\n\r\n',
  'Content-Length': 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\nhello, world',
  'Transfer-Encoding':
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n',
  'chunks, extensions and trailers':
    'PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n' +
    'a;b=c;d="e\\"f"\r\n0123456789\r\n02;g\r\n\r\n\r\n0;h\r\nI: j\r\nK:\r\n\r\n',
  'both framings':
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: x\r\n\r\n',
  'Connection, Expect and aliases':
    'PUT / HTTP/1.1\r\nHost: a\r\nConnection: a, close\r\nExpect: 100-continue\r\nX-Real_IP: b\r\n\r\n',
};

/** Responses to a GET. */
export const SAMPLE_RESPONSES: Readonly<Record<string, string>> = {
  'status line and length': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: b\r\n\r\nok',
  chunks: 'HTTP/1.1 404 x\r\nTransfer-Encoding: chunked\r\n\r\n2;a\r\nok\r\n0\r\nB: c\r\n\r\n',
  'until the end': 'HTTP/1.0 200\r\nConnection: close\r\n\r\nok',
  'no content': 'HTTP/1.1 204 No\r\nContent_Type: x\r\n\r\n',
  'interim responses':
    'HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 x\r\nLink: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
};

/** Bytes and words with a meaning somewhere, so that several edits at once can meet. */
const PIECES = [
  ...['', '\r\n', '\r', '\n', ' ', '\t', ':', ';', ',', '/', '?', '%2e', '%', '.', '"', '\\', '\0'],
  ...['0', '1', 'a', '_', 'chunked', 'close', 'Host: b\r\n', 'Content-Length: 1\r\n', '0\r\n\r\n'],
  ...['Transfer-Encoding: chunked\r\n', 'Expect: x\r\n', 'HTTP/1.0', '\x80', '\x7f', '[', ']'],
];

/** One of the samples with two to five random edits. */
export interface EditedMessage {
  readonly text: string;
  readonly isResponse: boolean;
  /** Two ascending offsets to cut it at. */
  readonly cuts: readonly number[];
}

/** `count` edited samples, the same on every run with the same seed. */
export function* editedMessages(count: number, seed: number): Generator<EditedMessage> {
  const requests = Object.values(SAMPLE_REQUESTS);
  const responses = Object.values(SAMPLE_RESPONSES);
  const bases = [...requests, ...responses];
  const random = seededRandom(seed);
  for (let round = 0; round < count; round++) {
    const index = random(bases.length);
    let text = bases[index] ?? '';
    for (let edit = 2 + random(4); edit > 0; edit--) {
      const at = random(text.length + 1);
      const piece = PIECES[random(PIECES.length)] ?? '';
      text = text.slice(0, at) + piece + text.slice(at + random(3));
    }
    const cuts = [random(text.length + 1), random(text.length + 1)].sort((a, b) => a - b);
    yield { text, isResponse: index >= requests.length, cuts };
  }
}
