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
}

const PATH_LENGTH_MAX = 1024;
const USER_AGENT_LENGTH_MAX = 256;
const PROXY_STATUS_LENGTH_MAX = 512;

/**
 * One access record as one line of ASCII JSON with its `\n`, keys always in the same order. A line is below 4096
 * bytes unless the client sends text that needs escapes, and at most about 12 KiB then.
 *
 * Joined from few pieces, as each costs a small object: what is mostly null is one piece of text with its neighbours.
 * `path`, `userAgent` and `proxyStatus` are escaped and cut; nothing else may hold what JSON escapes, see {@link AccessRecord}.
 *
 * @hot
 */
export function accessRecordLine(nodeId: string, record: AccessRecord): string {
  const { principalId, userAgent } = record;
  return (
    '{"type":"access","nodeId":"' +
    nodeId +
    '","timeMs":' +
    epochMs(record.timeMs) +
    ',"requestId":"' +
    record.requestId +
    '","tenantId":' +
    quoted(record.tenantId) +
    ',"routeId":' +
    quoted(record.routeId) +
    (principalId === null
      ? ',"principalId":null,"clientIp":"'
      : ',"principalId":"' + principalId + '","clientIp":"') +
    record.clientIp +
    '","method":"' +
    record.method +
    '","host":"' +
    record.host +
    '","path":"' +
    escapeJson(record.path, PATH_LENGTH_MAX) +
    '","status":' +
    record.status +
    outcomeFields(record) +
    (userAgent === null
      ? ',"userAgent":null,"traceId":'
      : ',"userAgent":"' + escapeJson(userAgent, USER_AGENT_LENGTH_MAX) + '","traceId":') +
    quoted(record.traceId) +
    ',"revision":' +
    record.revision +
    '}\n'
  );
}

/** @hot */
function outcomeFields(record: AccessRecord): string {
  const { code, proxyStatus } = record;
  return (
    (code === null && proxyStatus === null
      ? ',"code":null,"proxyStatus":null,"durationMs":'
      : codeFields(code, proxyStatus)) +
    thousandths(record.durationMs) +
    (record.limitOutcome === null && record.limiterMs === null
      ? ',"limiterMs":null,"limitOutcome":null,"bytesIn":'
      : limitFields(record)) +
    record.bytesIn +
    ',"bytesOut":' +
    record.bytesOut +
    ',"upstreamId":' +
    quoted(record.upstreamId) +
    ',"endpoint":' +
    quoted(record.endpoint) +
    ',"attempts":' +
    record.attempts +
    ',"upstreamMs":' +
    (record.upstreamMs === null ? 'null' : thousandths(record.upstreamMs))
  );
}

/** From the end of `status` to the value of `durationMs`. */
function codeFields(code: string | null, proxyStatus: string | null): string {
  const escaped =
    proxyStatus === null ? 'null' : '"' + escapeJson(proxyStatus, PROXY_STATUS_LENGTH_MAX) + '"';
  return ',"code":' + quoted(code) + ',"proxyStatus":' + escaped + ',"durationMs":';
}

/** From the end of `durationMs` to the value of `bytesIn`. */
function limitFields({ limiterMs, limitOutcome }: AccessRecord): string {
  return (
    ',"limiterMs":' +
    (limiterMs === null ? 'null' : thousandths(limiterMs)) +
    ',"limitOutcome":' +
    quoted(limitOutcome) +
    ',"bytesIn":'
  );
}

function quoted(plain: string | null): string {
  return plain === null ? 'null' : '"' + plain + '"';
}

/** '000' to '999'. */
const THREE_DIGITS = Array.from({ length: 1000 }, (_, value) => String(value).padStart(3, '0'));

let printedSecond = 0;
let printedSecondText = '0';

/** Times of one second share their first digits: V8 takes 100 ns to print a number beyond 2^31. */
function epochMs(timeMs: number): string {
  const second = Math.floor(timeMs / 1000);
  const digits = THREE_DIGITS[timeMs - second * 1000];
  if (digits === undefined || second < 1) return String(timeMs);
  if (second !== printedSecond) {
    printedSecond = second;
    printedSecondText = String(second);
  }
  return printedSecondText + digits;
}

/** Three decimals or none. A new double costs 150 ns to print, two small integers next to nothing. */
function thousandths(value: number): string {
  if (!(value >= 0 && value < 1e6)) return String(Math.round(value * 1000) / 1000);
  const scaled = Math.round(value * 1000);
  const whole = (scaled / 1000) | 0;
  const rest = scaled - whole * 1000;
  return rest === 0 ? String(whole) : whole + '.' + (THREE_DIGITS[rest] ?? '');
}
