import { isIPv6 } from 'node:net';

// A second reader of HTTP/1.1, written from the ABNF of RFC 9112 and the policy alone: regular
// expressions over whole messages, no state machine, nothing shared with the codec. It knows no
// splitting and no bounds beyond those of short messages. What it accepts the codec has to accept,
// with the same meaning, and nothing else.

/** What a message means; null where it is refused or not complete. */
export interface OracleMessage {
  /** `METHOD target`, or the status. */
  readonly start: string;
  /** Canonical, with the port; '' in responses. */
  readonly host: string;
  readonly body: string;
}

const TCHAR = "[!#$%&'*+.^_`|~0-9A-Za-z-]";
const TEXT = '[\\t\\x20-\\x7e\\x80-\\xff]';
const QUOTED = `"(?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\${TEXT})*"`;
const FIELDS = `((?:${TCHAR}{1,256}:${TEXT}*\\r\\n)*)\\r\\n`;
const REQUEST = new RegExp(
  `^(?:\\r\\n)?(${TCHAR}{1,32}) ([!"$-\\[\\]-~]+) HTTP/1\\.([01])\\r\\n${FIELDS}`,
);
const RESPONSE = new RegExp(`^HTTP/1\\.([01]) ([1-5]\\d\\d)(?: ${TEXT}*)?\\r\\n${FIELDS}`);
const CHUNK = new RegExp(
  `^([0-9A-Fa-f]+)(?:;${TCHAR}+(?:=(?:${TCHAR}+|${QUOTED}))?)*(?<!.{257})\\r\\n`,
);
const TRAILERS = new RegExp(`^${FIELDS}`);

const PROTECTED = [
  /^x-(forwarded|tenant|consumer|headgate)/,
  /^proxy-/,
  /^(keep-alive|x-real-ip|x-client-ip|x-cluster-client-ip|x-request-id)$/,
  /^x-(original-host|original-url|rewrite-url|http-method-override)$/,
];

interface Field {
  readonly name: string;
  readonly raw: string;
  readonly value: string;
}

/** The first request of `text` (latin1), with its body. */
export function oracleRequest(text: string): OracleMessage | null {
  const match = REQUEST.exec(text);
  if (match === null) return null;
  const [head, method = '', target = '', minor = '', lines = ''] = match;
  if (/^(connect|trace)$/i.test(method) || target.length > 8192) return null;
  const fields = readFields(lines);
  if (fields.some(({ name }) => isAlias(name, false))) return null;
  const hosts = valuesOf(fields, 'host').map(readHost);
  if (hosts.includes(null) || hosts.length > 1) return null;
  if (hosts.length === 0 && minor === '1') return null;
  const where = readTarget(target, method);
  if (where === null) return null;
  if (where.host !== null && hosts.length === 1 && where.host !== hosts[0]) return null;
  const expectations = valuesOf(fields, 'expect').filter((one) => !/^100-continue$/i.test(one));
  if (minor === '1' && expectations.length > 0) return null;
  const framing = readFraming(fields, minor);
  if (framing === null) return null;
  const body = readBody(text.slice(head.length), framing === 'none' ? 0 : framing);
  const host = hosts[0] ?? where.host ?? '';
  return body === null ? null : { start: `${method} ${where.target}`, host, body };
}

/** The final response, or 101, of `text` to a request of this method; interim ones precede it. */
export function oracleResponse(text: string, requestMethod: string): OracleMessage | null {
  const match = RESPONSE.exec(text);
  if (match === null) return null;
  const [head, minor = '', digits = '', lines = ''] = match;
  const status = Number(digits);
  const fields = readFields(lines);
  if (fields.some(({ name }) => isAlias(name, true))) return null;
  const framing = readFraming(fields, minor);
  if (framing === null) return null;
  const rest = text.slice(head.length);
  if (status < 200) {
    if (framing !== 'none' && framing !== 0) return null;
    return status === 101
      ? { start: '101', host: '', body: '' }
      : oracleResponse(rest, requestMethod);
  }
  const bodiless = status === 204 || status === 304 || requestMethod === 'HEAD';
  const body = bodiless ? '' : framing === 'none' ? rest : readBody(rest, framing);
  return body === null ? null : { start: digits, host: '', body };
}

function readFields(lines: string): Field[] {
  return lines
    .split('\r\n')
    .slice(0, -1)
    .map((line) => {
      const colon = line.indexOf(':');
      const raw = line.slice(colon + 1);
      const value = raw.replace(/^[ \t]+|[ \t]+$/g, '');
      return { name: line.slice(0, colon).toLowerCase(), raw, value };
    });
}

function valuesOf(fields: readonly Field[], name: string): string[] {
  return fields.filter((field) => field.name === name).map(({ value }) => value);
}

function isAlias(name: string, framingOnly: boolean): boolean {
  if (!name.includes('_')) return false;
  const folded = name.replaceAll('_', '-');
  if (folded === 'content-length' || folded === 'transfer-encoding') return true;
  return !framingOnly && PROTECTED.some((pattern) => pattern.test(folded));
}

/** Length of the body, or what delimits it; null when that is in doubt. */
function readFraming(fields: readonly Field[], minor: string): number | 'chunked' | 'none' | null {
  const lengths = fields.filter(({ name }) => name === 'content-length');
  const codings = fields.filter(({ name }) => name === 'transfer-encoding');
  if (lengths.length + codings.length > 1) return null;
  const [length] = lengths;
  const [coding] = codings;
  if (coding !== undefined) {
    return minor === '1' && /^ *chunked *$/i.test(coding.raw) ? 'chunked' : null;
  }
  if (length === undefined) return 'none';
  if (!/^ *\d+ *$/.test(length.raw)) return null;
  const value = BigInt(length.value);
  return value < 2n ** 53n ? Number(value) : null;
}

function readBody(rest: string, framing: number | 'chunked'): string | null {
  if (framing !== 'chunked') return rest.length < framing ? null : rest.slice(0, framing);
  let body = '';
  for (let left = rest; ;) {
    const line = CHUNK.exec(left);
    if (line === null) return null;
    const size = Number.parseInt(line[1] ?? '', 16);
    left = left.slice(line[0].length);
    if (size === 0) return TRAILERS.test(left) ? body : null;
    if (left.slice(size, size + 2) !== '\r\n') return null;
    body += left.slice(0, size);
    left = left.slice(size + 2);
  }
}

function readTarget(
  target: string,
  method: string,
): { target: string; host: string | null } | null {
  if (target === '*') return method === 'OPTIONS' ? { target, host: null } : null;
  const absolute = /^https?:\/\/([^/?]+)(.*)$/i.exec(target);
  const host = absolute === null ? null : readHost(absolute[1] ?? '');
  if (absolute !== null && host === null) return null;
  const local = absolute === null ? target : (absolute[2] ?? '');
  if (absolute !== null && local === '' && method === 'OPTIONS') return { target: '*', host };
  const question = local.indexOf('?');
  const path = question === -1 ? local : local.slice(0, question);
  const query = question === -1 ? '' : local.slice(question);
  if (absolute !== null && path === '') return { target: `/${query}`, host };
  const normal = readPath(path);
  return normal === null ? null : { target: normal + query, host };
}

function readPath(path: string): string | null {
  if (!path.startsWith('/')) return null;
  if (/%(?![0-9A-Fa-f]{2})/.test(path)) return null;
  if (/%(?:2f|5c|[01][0-9a-f]|7f)/i.test(path)) return null;
  const segments = path.slice(1).split('/');
  const dots = /^(?:\.|%2e){1,2}(?:(?:;|%3b).*)?$/i;
  if (segments.some((one, i) => dots.test(one) || (one === '' && i < segments.length - 1))) {
    return null;
  }
  return path.replace(/%[0-9A-Fa-f]{2}/g, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return /[-._~0-9A-Za-z]/.test(character) ? character : escape.toUpperCase();
  });
}

function readHost(text: string): string | null {
  const match = /^(\[[^\]]*\]|[-._0-9A-Za-z]+?)\.?((?<!\]\.):[1-9]\d{0,4})?$/.exec(text);
  if (match === null || (text.startsWith('[') && text.includes('].'))) return null;
  const [, name = '', port = ''] = match;
  if (port !== '' && Number(port.slice(1)) > 65_535) return null;
  if (name.startsWith('[')) {
    const address = name.slice(1, -1);
    if (!isIPv6(address) || address.includes('%')) return null;
    return new URL(`http://${name}`).hostname + port;
  }
  const labels = name.split('.');
  if (name.length > 253 || labels.some((one) => one === '' || one.length > 63)) return null;
  return name.toLowerCase() + port;
}
