import { escapeJson } from './escape-json.ts';

/**
 * What the edge records of one request, all plain values; null for what did not happen. Text from
 * the client is untrusted: {@link accessRecordLine} escapes and cuts it.
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

const ID_LENGTH_MAX = 128;
const HOST_LENGTH_MAX = 255;
const PATH_LENGTH_MAX = 1024;
const USER_AGENT_LENGTH_MAX = 256;

/**
 * One access record as one line of valid ASCII JSON with its `\n`, keys always in the same order.
 * At most about 16 KiB, and below 4096 bytes unless the client sends text that needs escapes.
 *
 * @param prefix from {@link accessRecordPrefix}.
 * @hot
 */
export function accessRecordLine(prefix: string, record: AccessRecord): string {
  return (
    prefix +
    record.timeMs +
    ',"requestId":' +
    quoted(record.requestId, ID_LENGTH_MAX) +
    ',"tenantId":' +
    quoted(record.tenantId, ID_LENGTH_MAX) +
    ',"routeId":' +
    quoted(record.routeId, ID_LENGTH_MAX) +
    ',"principalId":' +
    quoted(record.principalId, ID_LENGTH_MAX) +
    ',"clientIp":' +
    quoted(record.clientIp, ID_LENGTH_MAX) +
    ',"method":' +
    quoted(record.method, ID_LENGTH_MAX) +
    ',"host":' +
    quoted(record.host, HOST_LENGTH_MAX) +
    ',"path":' +
    quoted(record.path, PATH_LENGTH_MAX) +
    ',"status":' +
    record.status +
    ',"code":' +
    quoted(record.code, ID_LENGTH_MAX) +
    ',"durationMs":' +
    rounded(record.durationMs) +
    ',"limiterMs":' +
    rounded(record.limiterMs) +
    ',"limitOutcome":' +
    quoted(record.limitOutcome, ID_LENGTH_MAX) +
    ',"bytesIn":' +
    record.bytesIn +
    ',"bytesOut":' +
    record.bytesOut +
    ',"upstreamId":' +
    quoted(record.upstreamId, ID_LENGTH_MAX) +
    ',"endpoint":' +
    quoted(record.endpoint, HOST_LENGTH_MAX) +
    ',"attempts":' +
    record.attempts +
    ',"upstreamMs":' +
    rounded(record.upstreamMs) +
    ',"userAgent":' +
    quoted(record.userAgent, USER_AGENT_LENGTH_MAX) +
    ',"traceId":' +
    quoted(record.traceId, ID_LENGTH_MAX) +
    ',"revision":' +
    record.revision +
    '}\n'
  );
}

/** The constant start of every access record of a node; build it once. */
export function accessRecordPrefix(nodeId: string): string {
  return `{"type":"access","nodeId":"${escapeJson(nodeId, ID_LENGTH_MAX)}","timeMs":`;
}

function quoted(text: string | null, lengthMax: number): string {
  return text === null ? 'null' : '"' + escapeJson(text, lengthMax) + '"';
}

/** Three decimals at most; NaN and infinities, which JSON lacks, become null. */
function rounded(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return 'null';
  return '' + Math.round(value * 1000) / 1000;
}
