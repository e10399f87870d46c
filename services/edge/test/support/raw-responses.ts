/** One response as it came over the wire. */
export interface RawResponse {
  readonly status: number;
  readonly minorVersion: number;
  /** All header lines in their order, names in lower case. */
  readonly headers: readonly (readonly [string, string])[];
  /** Body without transfer coding, latin1. */
  readonly body: string;
  /** Values of a header. */
  all(name: string): readonly string[];
  /** First value of a header; '' for none. */
  get(name: string): string;
}

/**
 * Reads the complete responses at the start of `text` strictly enough for tests: throws on what is no response. One that
 * lasts until the connection ends counts as complete if `ended`.
 */
export function readResponses(
  text: string,
  methods: readonly string[],
  ended: boolean,
): RawResponse[] {
  const responses: RawResponse[] = [];
  let at = 0;
  let request = 0;
  while (at < text.length) {
    const headEnd = text.indexOf('\r\n\r\n', at);
    if (headEnd === -1) break;
    const head = readHead(text.slice(at, headEnd));
    const method = methods[request] ?? 'GET';
    const body = readBody(text, headEnd + 4, head, method, ended);
    if (body === null) break;
    responses.push({ ...head, body: body.text });
    at = body.end;
    if (head.status >= 200) request += 1;
    if (head.status === 101) break;
  }
  return responses;
}

type Head = Omit<RawResponse, 'body'>;

function readHead(text: string): Head {
  const [statusLine = '', ...lines] = text.split('\r\n');
  const match = /^HTTP\/1\.([01]) ([1-5]\d\d) ?/.exec(statusLine);
  if (match === null) throw new Error(`not a status line: ${JSON.stringify(statusLine)}`);
  const headers = lines.map((line): [string, string] => {
    const field = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line);
    if (field === null) throw new Error(`not a header line: ${JSON.stringify(line)}`);
    return [(field[1] ?? '').toLowerCase(), field[2] ?? ''];
  });
  const all = (name: string) => headers.filter(([key]) => key === name).map(([, value]) => value);
  return {
    status: Number(match[2]),
    minorVersion: Number(match[1]),
    headers,
    all,
    get: (name) => all(name)[0] ?? '',
  };
}

function readBody(
  text: string,
  start: number,
  head: Head,
  method: string,
  ended: boolean,
): { text: string; end: number } | null {
  const { status } = head;
  if (status < 200 || status === 204 || status === 304 || method === 'HEAD') {
    return { text: '', end: start };
  }
  if (head.get('transfer-encoding') === 'chunked') return readChunks(text, start);
  const length = head.get('content-length');
  if (length === '') return ended ? { text: text.slice(start), end: text.length } : null;
  const end = start + Number(length);
  return end > text.length ? null : { text: text.slice(start, end), end };
}

function readChunks(text: string, start: number): { text: string; end: number } | null {
  let body = '';
  let at = start;
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd === -1) return null;
    const line = text.slice(at, lineEnd);
    if (!/^[0-9a-f]+$/i.test(line)) throw new Error(`not a chunk size: ${JSON.stringify(line)}`);
    const size = Number.parseInt(line, 16);
    const dataEnd = lineEnd + 2 + size;
    if (dataEnd + 2 > text.length) return null;
    if (text.slice(dataEnd, dataEnd + 2) !== '\r\n') throw new Error('chunk without its end');
    if (size === 0) return { text: body, end: dataEnd + 2 };
    body += text.slice(lineEnd + 2, dataEnd);
    at = dataEnd + 2;
  }
}
