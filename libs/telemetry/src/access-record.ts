import { flatText } from '@headgate/runtime';
import { escapeJson } from './escape-json.ts';

/**
 * What the edge records of one request, all plain values; null for what did not happen.
 *
 * `path`, `userAgent` and `proxyStatus` may hold any text. All other texts are printable ASCII without `"` and `\\`:
 * they are made by the edge, are ids that the schema admitted, or passed the HTTP parser, which admits only tokens as
 * methods and names and addresses as hosts. Numbers are finite.
 */
export interface AccessRecord {
  /** Start, in ms since the Unix epoch. */
  readonly timeMs: number;
  readonly requestId: string;
  readonly tenantId: string | null;
  readonly routeId: string | null;
  /** Who authenticated, such as an API key's id; never the secret. */
  readonly principalId: string | null;
  readonly clientIp: string;
  /**
   * Of requests over TLS `","tlsVersion":"TLSv1.3","tlsCipher":"…","sni":"…`, from the end of the value of `clientIp` to that of `sni`; '' for others,
   * whose records have none of these. Made ahead, once for a connection.
   */
  readonly tlsText: string;
  readonly method: string;
  readonly host: string;
  /** Path without query: queries carry secrets. */
  readonly path: string;
  /** Status sent to the client; 0 when none was sent. */
  readonly status: number;
  /** Code of the local reply, or null when the backend answered. */
  readonly code: string | null;
  /** This proxy's member of `Proxy-Status` (RFC 9209) where `code` is set; null otherwise. */
  readonly proxyStatus: string | null;
  /** From the first byte of the request to the last byte of the reply, in ms. */
  readonly durationMs: number;
  /** Time the limiter took, in ms; null without limits. */
  readonly limiterMs: number | null;
  /** Outcome of the limiter: `allowed`, `denied`, …; null without limits. */
  readonly limitOutcome: string | null;
  /** Body bytes from and to the client. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** `orders` of the tenant, or `shared/mail` of the platform. */
  readonly upstreamId: string | null;
  /** Endpoint of the last attempt. */
  readonly endpoint: string | null;
  readonly attempts: number;
  /** Duration of the last attempt, in ms. */
  readonly upstreamMs: number | null;
  readonly userAgent: string | null;
  /** 32 hex digits. */
  readonly traceId: string | null;
  /** Revision of the tenant's snapshot that served the request. */
  readonly revision: number | null;
  /** Of `tenantId`, `routeId`, `upstreamId` and `revision`, made ahead; null where these are to be written out. */
  readonly texts: AccessTexts | null;
  /** {@link endpointText} of `endpoint`, made ahead; null where it is to be written out. */
  readonly endpointText: string | null;
}

/** What the records of all requests to a route have in common. */
export interface AccessTexts {
  /** From the end of `requestId` to the value of `principalId`. */
  readonly ids: string;
  /** From the end of `bytesOut` to that of `upstreamId`. */
  readonly upstream: string;
  /** From the end of `traceId` on. */
  readonly end: string;
  /** The same, with the quote that ends a `traceId` before it. */
  readonly quotedEnd: string;
}

/** Makes the texts of a route. */
export function compileAccessTexts(
  ids: Pick<AccessRecord, 'tenantId' | 'routeId' | 'upstreamId' | 'revision'>,
): AccessTexts {
  const { ids: start, upstream, end, quotedEnd } = textsOf(ids);
  return {
    ids: flatText(start),
    upstream: flatText(upstream),
    end: flatText(end),
    quotedEnd: flatText(quotedEnd),
  };
}

/** Makes the text of an endpoint: from the end of `upstreamId` to the value of `attempts`. */
export function endpointText(endpoint: string | null): string {
  return flatText(',"endpoint":' + quoted(endpoint) + ',"attempts":');
}

const PATH_LENGTH_MAX = 1024;
const USER_AGENT_LENGTH_MAX = 256;
const PROXY_STATUS_LENGTH_MAX = 512;

/**
 * One access record as one line of ASCII JSON with its `\n`, keys always in the same order. A line is below 4096
 * bytes unless the client sends text that needs escapes, and at most about 12 KiB then.
 *
 * Joined from few pieces, as each costs a small object and another step when the line is copied: made and copied, a record
 * of 50 pieces took about 2 µs, one of 22 takes about 1. So what is mostly the same is one piece of text with its neighbours.
 * `path`, `userAgent` and `proxyStatus` are escaped and cut; nothing else may hold what JSON escapes, see {@link AccessRecord}.
 *
 * @hot
 */
export function accessRecordLine(nodeId: string, record: AccessRecord): string {
  const { principalId, userAgent, traceId } = record;
  const texts = record.texts ?? textsOf(record);
  return (
    startText(nodeId, record.timeMs) +
    record.requestId +
    texts.ids +
    (principalId === null ? 'null,"clientIp":"' : '"' + principalId + '","clientIp":"') +
    record.clientIp +
    record.tlsText +
    (record.method === 'GET'
      ? '","method":"GET","host":"'
      : '","method":"' + record.method + '","host":"') +
    record.host +
    '","path":"' +
    escapeJson(record.path, PATH_LENGTH_MAX) +
    answerText(record.status, record.code, record.proxyStatus) +
    thousandths(record.durationMs) +
    limitText(record.limiterMs, record.limitOutcome) +
    (record.bytesIn === 0 ? '0,"bytesOut":' : record.bytesIn + ',"bytesOut":') +
    record.bytesOut +
    texts.upstream +
    attemptsText(record) +
    userAgentText(userAgent, traceId === null) +
    (traceId === null ? texts.end : traceId + texts.quotedEnd)
  );
}

/** @hot */
function textsOf({
  tenantId,
  routeId,
  upstreamId,
  revision,
}: Pick<AccessRecord, 'tenantId' | 'routeId' | 'upstreamId' | 'revision'>): AccessTexts {
  const end = ',"revision":' + revision + '}\n';
  return {
    ids: '","tenantId":' + quoted(tenantId) + ',"routeId":' + quoted(routeId) + ',"principalId":',
    upstream: ',"upstreamId":' + quoted(upstreamId),
    end,
    quotedEnd: '"' + end,
  };
}

/** Of answers of an endpoint, by status. */
const RELAYED: string[] = [];
/** Of all others, by code: the last one of each. */
const ANSWERS = new Map<string, { status: number; proxyStatus: string | null; text: string }>();

/** From the end of `path` to the value of `durationMs`. @hot */
function answerText(status: number, code: string | null, proxyStatus: string | null): string {
  if (code === null && proxyStatus === null) {
    return RELAYED[status] ?? addRelayed(status);
  }
  const known = code === null ? undefined : ANSWERS.get(code);
  return known !== undefined && known.status === status && known.proxyStatus === proxyStatus
    ? known.text
    : addAnswer(status, code, proxyStatus);
}

function addRelayed(status: number): string {
  const text = '","status":' + status + ',"code":null,"proxyStatus":null,"durationMs":';
  if (status >= 0 && status < 1000) RELAYED[status] = flatText(text);
  return text;
}

function addAnswer(status: number, code: string | null, proxyStatus: string | null): string {
  const escaped =
    proxyStatus === null ? 'null' : '"' + escapeJson(proxyStatus, PROXY_STATUS_LENGTH_MAX) + '"';
  const codes = ',"code":' + quoted(code) + ',"proxyStatus":' + escaped + ',"durationMs":';
  const text = '","status":' + status + codes;
  if (code !== null) ANSWERS.set(code, { status, proxyStatus, text: flatText(text) });
  return text;
}

/** From the end of `durationMs` to the value of `bytesIn`. @hot */
function limitText(limiterMs: number | null, outcome: string | null): string {
  if (limiterMs === null) {
    if (outcome === null) return ',"limiterMs":null,"limitOutcome":null,"bytesIn":';
    if (outcome === 'admitted') return ',"limiterMs":null,"limitOutcome":"admitted","bytesIn":';
    if (outcome === 'denied') return ',"limiterMs":null,"limitOutcome":"denied","bytesIn":';
  }
  const ms = limiterMs === null ? 'null' : thousandths(limiterMs);
  return ',"limiterMs":' + ms + ',"limitOutcome":' + quoted(outcome) + ',"bytesIn":';
}

/** From the end of `upstreamId` to the end of `upstreamMs`. @hot */
function attemptsText({
  endpoint,
  endpointText: text,
  attempts,
  upstreamMs,
}: AccessRecord): string {
  if (attempts === 0 && endpoint === null && upstreamMs === null) {
    return ',"endpoint":null,"attempts":0,"upstreamMs":null';
  }
  return (
    (text ?? ',"endpoint":' + quoted(endpoint) + ',"attempts":') +
    (attempts === 1 ? '1,"upstreamMs":' : attempts + ',"upstreamMs":') +
    (upstreamMs === null ? 'null' : thousandths(upstreamMs))
  );
}

/** From the end of `upstreamMs` to the value of `traceId`, which is null or begins with a quote. @hot */
function userAgentText(userAgent: string | null, noTrace: boolean): string {
  if (userAgent === null) {
    return noTrace ? ',"userAgent":null,"traceId":null' : ',"userAgent":null,"traceId":"';
  }
  return (
    ',"userAgent":"' +
    escapeJson(userAgent, USER_AGENT_LENGTH_MAX) +
    (noTrace ? '","traceId":null' : '","traceId":"')
  );
}

function quoted(plain: string | null): string {
  return plain === null ? 'null' : '"' + plain + '"';
}

/** '000' to '999'. */
const THREE_DIGITS = Array.from({ length: 1000 }, (_, value) => String(value).padStart(3, '0'));

/** '0.000' to '0.999'. */
const BELOW_ONE = THREE_DIGITS.map((digits) => `0.${digits}`);

let startNodeId = '';
let startSecond = 0;
let startOfSecond = '';

/**
 * From the beginning to the value of `requestId`. Times of one second share their first digits: V8 takes 100 ns to print a
 * number beyond 2^31.
 *
 * @hot
 */
function startText(nodeId: string, timeMs: number): string {
  const second = Math.floor(timeMs / 1000);
  const digits = THREE_DIGITS[timeMs - second * 1000];
  if (digits === undefined || second < 1) return startOf(nodeId) + timeMs + ',"requestId":"';
  if (second !== startSecond || nodeId !== startNodeId) {
    startSecond = second;
    startNodeId = nodeId;
    startOfSecond = flatText(startOf(nodeId) + second);
  }
  return startOfSecond + digits + ',"requestId":"';
}

function startOf(nodeId: string): string {
  return '{"type":"access","nodeId":"' + nodeId + '","timeMs":';
}

/** Three decimals or none. A new double costs 150 ns to print, two small integers next to nothing. @hot */
function thousandths(value: number): string {
  if (!(value >= 0 && value < 1e6)) return String(Math.round(value * 1000) / 1000);
  const scaled = Math.round(value * 1000);
  const whole = (scaled / 1000) | 0;
  const rest = scaled - whole * 1000;
  if (rest === 0) return String(whole);
  return whole === 0 ? (BELOW_ONE[rest] ?? '') : whole + '.' + (THREE_DIGITS[rest] ?? '');
}
