/** What a client may get for an answer: a status, or `abort` for one that is cut with an RST. */
export type Verdict = number | 'abort';

/** One bad or odd answer of a backend and what the edge has to make of it. */
export interface HostileAnswer {
  readonly title: string;
  /** Bytes, latin1. */
  readonly bytes: string;
  /** How the backend goes on after them. Default: it stays silent. */
  readonly then?: 'fin' | 'reset';
  readonly verdict: Verdict;
  /** The answer may leave its connection usable; what is not marked so must never be followed by another request. */
  readonly reusable?: true;
  /** Body that the client gets. */
  readonly body?: string;
  /**
   * Sent in one write, however others are cut: what comes when the connection is idle again closes it, and what comes
   * when it carries the next request cannot be told from that one's answer by anybody.
   */
  readonly inOneWrite?: true;
  /** Method of the request. Default GET. */
  readonly method?: 'HEAD' | 'POST';
}

const NEXT_ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nSECRET';
const lines = (...all: readonly string[]): string => `${all.join('\r\n')}\r\n\r\n`;

/** Status lines that are none. */
const statusLines: readonly [string, string][] = [
  ['words in place of the status', 'HTTP/1.1 banana'],
  ['status of two digits', 'HTTP/1.1 20 OK'],
  ['status of four digits', 'HTTP/1.1 2000 OK'],
  ['status with a leading zero', 'HTTP/1.1 0200 OK'],
  ['status below 100', 'HTTP/1.1 099 Low'],
  ['status 000', 'HTTP/1.1 000 OK'],
  ['status 600', 'HTTP/1.1 600 High'],
  ['status 999', 'HTTP/1.1 999 Highest'],
  ['negative status', 'HTTP/1.1 -20 OK'],
  ['signed status', 'HTTP/1.1 +20 OK'],
  ['status in exponents', 'HTTP/1.1 2e2 OK'],
  ['status in hexadecimals', 'HTTP/1.1 0xc OK'],
  ['superscript digit in the status', 'HTTP/1.1 20\xb2 OK'],
  ['two spaces before the status', 'HTTP/1.1  200 OK'],
  ['tab before the status', 'HTTP/1.1\t200 OK'],
  ['tab behind the status', 'HTTP/1.1 200\tOK'],
  ['no space before the status', 'HTTP/1.1200 OK'],
  ['no space behind the status', 'HTTP/1.1 200OK'],
  ['no status', 'HTTP/1.1'],
  ['no status but a space', 'HTTP/1.1 '],
  ['protocol in lower case', 'http/1.1 200 OK'],
  ['another protocol', 'ICY 200 OK'],
  ['HTTP/2 without minor version', 'HTTP/2 200'],
  ['HTTP/2.0', 'HTTP/2.0 200 OK'],
  ['HTTP/0.9', 'HTTP/0.9 200 OK'],
  ['HTTP/1.10', 'HTTP/1.10 200 OK'],
  ['HTTP/01.1', 'HTTP/01.1 200 OK'],
  ['HTTP/1.1.1', 'HTTP/1.1.1 200 OK'],
  ['comma in the version', 'HTTP/1,1 200 OK'],
  ['letter in the version', 'HTTP/1.x 200 OK'],
  ['leading space', ' HTTP/1.1 200 OK'],
  ['leading empty line', '\r\nHTTP/1.1 200 OK'],
  ['leading NUL', '\0HTTP/1.1 200 OK'],
  ['NUL in the reason', 'HTTP/1.1 200 O\0K'],
  ['escape in the reason', 'HTTP/1.1 200 \x1b[31mOK'],
  ['DEL in the reason', 'HTTP/1.1 200 O\x7fK'],
  ['bare CR in the reason', 'HTTP/1.1 200 O\rK'],
  ['bare LF behind the status line', 'HTTP/1.1 200 OK\nContent-Length: 2'],
  ['a request in place of an answer', 'GET / HTTP/1.1\r\nHost: a.test'],
  ['an SSH banner', 'SSH-2.0-OpenSSH_9.2'],
  ['an SMTP banner', '220 mail.internal ESMTP'],
  ['a Redis error', '-ERR unknown command'],
  ['HTML without a head', '<html><body>internal</body></html>'],
  ['an HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM'],
  ['an HTTP/2 SETTINGS frame', '\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64'],
  ['a TLS alert', '\x15\x03\x03\0\x02\x02\x46'],
  ['a status line without end', `HTTP/1.1 200 ${'x'.repeat(70_000)}`],
];

/** Header lines that make the whole answer invalid; `Content-Length: 2` and a body stand around them. */
const headerLines: readonly [string, string][] = [
  ['no colon', 'No colon here'],
  ['empty name', ': value'],
  ['space in a name', 'Sp ace: x'],
  ['space before the colon', 'X-Space : x'],
  ['tab before the colon', 'X-Tab\t: x'],
  ['folded line, space', 'X-Fold: a\r\n b'],
  ['folded line, tab', 'X-Fold: a\r\n\tContent-Length: 3'],
  ['bare LF between lines', 'X-A: 1\nX-B: 2'],
  ['bare LF before what would be a second answer', 'X-A: 1\n\nHTTP/1.1 200 OK'],
  ['bare CR in a value', 'X-A: 1\rSet-Cookie: a=1'],
  ['CR CR LF', 'X-A: 1\r'],
  ['NUL in a name', 'X-\0A: 1'],
  ['NUL in a value', 'X-A: 1\0'],
  ['escape in a value', 'X-A: \x1b[2J'],
  ['DEL in a value', 'X-A: \x7f'],
  ['control byte in a value', 'X-A: \x01'],
  ['name that is not ASCII', 'X-\xe9: 1'],
  ['parenthesis in a name', 'X-(A): 1'],
  ['slash in a name', 'X/A: 1'],
  ['quote in a name', '"X": 1'],
  ['two lengths, the same', 'Content-Length: 2'],
  ['two lengths', 'Content-Length: 3'],
  ['two lengths, one empty', 'Content-Length:'],
  ['a length and chunks', 'Transfer-Encoding: chunked'],
  ['a length and another coding', 'Transfer-Encoding: gzip'],
  ['a length and an empty coding', 'Transfer-Encoding:'],
  ['alias of the length', 'Content_Length: 3'],
  ['alias of the coding', 'Transfer_Encoding: chunked'],
  ['101 header lines', Array.from({ length: 101 }, (_, index) => `X-${index}: 1`).join('\r\n')],
  ['a header line of 100 kB', `X-Long: ${'x'.repeat(100_000)}`],
  ['header lines of 100 kB', `X-Many: ${'x'.repeat(1000)}\r\n`.repeat(99).trimEnd()],
  ['a name of 1,000 bytes', `${'n'.repeat(1000)}: 1`],
];

const lengths = [
  '-1',
  '+2',
  '0x2',
  '2_0',
  '2.0',
  '2,2',
  '2, 2',
  '1e1',
  '2 2',
  '',
  'two',
  '\x0b2',
  '2\xa0',
  '\xb2',
  '9007199254740993',
  '18446744073709551618',
  '9'.repeat(99),
];

const codings = [
  'gzip',
  'identity',
  'chunked, chunked',
  'gzip, chunked',
  'chunked, identity',
  'chunked;q=1',
  ',chunked',
  'chunked,',
  '"chunked"',
  'chunked\x0b',
  '\xa0chunked',
  'xchunked',
  'chunked\r\nTransfer-Encoding: chunked',
  '',
];

/** Chunked bodies that break their framing, after a good start. */
const chunks: readonly [string, string][] = [
  ['size that is none', 'xyz\r\n'],
  ['empty size', '\r\n'],
  ['signed size', '+5\r\nhello\r\n'],
  ['negative size', '-5\r\nhello\r\n'],
  ['prefixed size', '0x5\r\nhello\r\n'],
  ['space before the size', ' 5\r\nhello\r\n'],
  ['space behind the size', '5 \r\nhello\r\n'],
  ['size over 2^53', '20000000000001\r\n'],
  ['size over 2^64', '10000000000000005\r\nhello\r\n'],
  ['bare LF behind the size', '5\nhello\r\n'],
  ['bare CR behind the size', '5\rhello\r\n'],
  ['extension that ends with LF', '5;a\nhello\r\n'],
  ['extension without name', '5;=x\r\nhello\r\n'],
  ['quote that does not end', '5;a="\r\nhello\r\n'],
  ['extension without end', `5;${'a'.repeat(10_000)}`],
  ['more data than announced', '5\r\nhello world\r\n'],
  ['less data than announced', '9\r\nhello\r\n0\r\n\r\n'],
  ['bare LF behind the data', '5\r\nhello\n'],
  ['trailer without colon', '0\r\nnothing\r\n\r\n'],
  ['trailer with NUL', '0\r\nX: \0\r\n\r\n'],
  ['folded trailer', '0\r\nX: a\r\n b\r\n\r\n'],
  ['trailers without end', `0\r\n${'X: y\r\n'.repeat(2000)}`],
  ['LF in place of the last line', '0\r\n\n'],
];

const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n';
const SIZED = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello';

/** Answers that end too early or too late. */
const endings: readonly HostileAnswer[] = [
  { title: 'nothing, then FIN', bytes: '', then: 'fin', verdict: 502, method: 'POST' },
  { title: 'nothing, then RST', bytes: '', then: 'reset', verdict: 502, method: 'POST' },
  { title: 'nothing at all', bytes: '', verdict: 504, method: 'POST' },
  { title: 'half a status line, then FIN', bytes: 'HTTP/1.1 20', then: 'fin', verdict: 502 },
  { title: 'half a status line, then silence', bytes: 'HTTP/1.1 20', verdict: 504 },
  { title: 'half a head, then FIN', bytes: 'HTTP/1.1 200 OK\r\nX: 1', then: 'fin', verdict: 502 },
  { title: 'half a head, then silence', bytes: 'HTTP/1.1 200 OK\r\nX: 1\r\n', verdict: 504 },
  { title: 'a 103, then FIN', bytes: lines('HTTP/1.1 103 Hints'), then: 'fin', verdict: 502 },
  { title: 'a 103, then silence', bytes: lines('HTTP/1.1 103 Hints'), verdict: 504 },
  { title: 'a 103, then garbage', bytes: `${lines('HTTP/1.1 103 Hints')}x\r\n`, verdict: 502 },
  { title: '10,000 times 103', bytes: lines('HTTP/1.1 103 Hints').repeat(10_000), verdict: 502 },
  { title: '10,000 times 100', bytes: lines('HTTP/1.1 100 Go').repeat(10_000), verdict: 502 },
  { title: 'a length, short body, FIN', bytes: SIZED, then: 'fin', verdict: 'abort' },
  { title: 'a length, short body, RST', bytes: SIZED, then: 'reset', verdict: 'abort' },
  { title: 'a length, short body, silence', bytes: SIZED, verdict: 'abort' },
  { title: 'chunks without the last, FIN', bytes: CHUNKED, then: 'fin', verdict: 'abort' },
  { title: 'chunks without the last, RST', bytes: CHUNKED, then: 'reset', verdict: 'abort' },
  { title: 'chunks without the last, silence', bytes: CHUNKED, verdict: 'abort' },
  { title: 'half a chunk size, FIN', bytes: `${CHUNKED}f`, then: 'fin', verdict: 'abort' },
  { title: 'last chunk without its end', bytes: `${CHUNKED}0\r\n`, then: 'fin', verdict: 'abort' },
  {
    title: 'until the end, RST',
    bytes: 'HTTP/1.1 200 OK\r\n\r\nhello',
    then: 'reset',
    verdict: 'abort',
  },
  { title: 'until an end that never comes', bytes: lines('HTTP/1.1 200 OK'), verdict: 'abort' },
];

const odd = (title: string, bytes: string, more: Partial<HostileAnswer> = {}): HostileAnswer => ({
  title,
  bytes,
  verdict: 200,
  ...more,
});

/** Answers that are passed on; whatever follows them is nobody's. */
const tolerated: readonly HostileAnswer[] = [
  odd('a second answer behind the first', NEXT_ANSWER.replace('SECRET', 'public') + NEXT_ANSWER, {
    inOneWrite: true,
    body: 'public',
  }),
  odd('bytes behind a body', `${NEXT_ANSWER.replace('SECRET', 'public')}SECRET`, {
    inOneWrite: true,
    body: 'public',
  }),
  odd('bytes behind the last chunk', `${CHUNKED}0\r\n\r\nSECRET`, {
    inOneWrite: true,
    body: 'hello',
  }),
  odd('an answer behind the last chunk', `${CHUNKED}0\r\n\r\n${NEXT_ANSWER}`, {
    inOneWrite: true,
    body: 'hello',
  }),
  odd('a body in answer to HEAD', NEXT_ANSWER, { method: 'HEAD', inOneWrite: true, body: '' }),
  odd('a body of a 204', `${lines('HTTP/1.1 204 None')}SECRET`, {
    verdict: 204,
    inOneWrite: true,
    body: '',
  }),
  odd('a length of a 204', `${lines('HTTP/1.1 204 None', 'Content-Length: 6')}`, {
    verdict: 204,
    body: '',
  }),
  odd('chunks of a 204', lines('HTTP/1.1 204 None', 'Transfer-Encoding: chunked'), {
    verdict: 204,
    body: '',
  }),
  odd('a body of a 304', `${lines('HTTP/1.1 304 Same', 'Content-Length: 6')}SECRET`, {
    verdict: 304,
    inOneWrite: true,
    body: '',
  }),
  odd(
    'a 103 with a body',
    `${lines('HTTP/1.1 103 Hints', 'Content-Length: 6')}SECRET${NEXT_ANSWER}`,
    { verdict: 502 },
  ),
  odd('chunks of an HTTP/1.0 backend', CHUNKED.replace('1.1', '1.0'), { verdict: 502 }),
  odd('no reason', `HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok`, { body: 'ok', reusable: true }),
  odd('a reason in Latin-1', `HTTP/1.1 200 \xc9\r\nContent-Length: 2\r\n\r\nok`, {
    body: 'ok',
    reusable: true,
  }),
  odd('an unknown status', lines('HTTP/1.1 299 Odd', 'Content-Length: 0'), {
    verdict: 299,
    body: '',
    reusable: true,
  }),
  odd('the highest status', lines('HTTP/1.1 599 Odd', 'Content-Length: 0'), {
    verdict: 599,
    body: '',
    reusable: true,
  }),
  odd('a length with zeros', 'HTTP/1.1 200 OK\r\nContent-Length: 0002\r\n\r\nok', {
    body: 'ok',
    reusable: true,
  }),
  odd('an unasked 100', `${lines('HTTP/1.1 100 Go')}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`, {
    body: '',
    reusable: true,
  }),
  odd(
    'Connection: close and no close',
    lines('HTTP/1.1 200 OK', 'Connection: close', 'Content-Length: 0'),
    {
      body: '',
    },
  ),
  odd('HTTP/1.0 without keep-alive', lines('HTTP/1.0 200 OK', 'Content-Length: 0'), { body: '' }),
  odd('until the end', 'HTTP/1.1 200 OK\r\n\r\nhello', { then: 'fin', body: 'hello' }),
  odd(
    '101 that nobody asked for',
    `${lines('HTTP/1.1 101 Switching', 'Connection: upgrade', 'Upgrade: websocket')}SECRET`,
    { verdict: 502 },
  ),
  odd('101 without Upgrade', lines('HTTP/1.1 101 Switching'), { verdict: 502 }),
  odd('101 in answer to POST', lines('HTTP/1.1 101 Switching'), { verdict: 502, method: 'POST' }),
  odd('a status line that dates from 0.9 and a FIN', 'hello', { then: 'fin', verdict: 502 }),
];

/** All of them. */
export const HOSTILE_ANSWERS: readonly HostileAnswer[] = [
  ...statusLines.map(([title, line]): HostileAnswer => ({
    title: `status line: ${title}`,
    bytes: `${line}\r\nContent-Length: 2\r\n\r\nok`,
    verdict: 502,
  })),
  ...headerLines.map(([title, line]): HostileAnswer => ({
    title: `header line: ${title}`,
    bytes: `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n${line}\r\n\r\nok`,
    verdict: 502,
  })),
  {
    title: 'header line: folded, the first one',
    bytes: 'HTTP/1.1 200 OK\r\n X: 1\r\nContent-Length: 2\r\n\r\nok',
    verdict: 502,
  },
  {
    title: 'header bytes without end',
    bytes: `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(200_000)}`,
    verdict: 502,
  },
  ...lengths.map((value): HostileAnswer => ({
    title: `length: ${JSON.stringify(value)}`,
    bytes: `HTTP/1.1 200 OK\r\nContent-Length: ${value}\r\n\r\nok`,
    verdict: 502,
  })),
  ...codings.map((value): HostileAnswer => ({
    title: `coding: ${JSON.stringify(value)}`,
    bytes: `HTTP/1.1 200 OK\r\nTransfer-Encoding: ${value}\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
    verdict: 502,
  })),
  ...chunks.map(([title, rest]): HostileAnswer => ({
    title: `chunk: ${title}`,
    bytes: `${CHUNKED}${rest}`,
    verdict: 'abort',
  })),
  ...endings,
  ...tolerated,
];
