/** What a valid `traceparent` header says. */
export interface Traceparent {
  /** 32 lower-case hex digits, not all zero. */
  readonly traceId: string;
  /** 16 lower-case hex digits, not all zero: the caller's span. */
  readonly spanId: string;
  /** The caller records this trace. */
  readonly sampled: boolean;
}

const LENGTH = 55;
const DASH = 0x2d;
const ZERO = 0x30;

/**
 * Reads a `traceparent` header (W3C Trace Context, level 1), strictly: lower-case hex, exact
 * length, version not `ff`, no all-zero id. Versions above 00 may carry more after another dash.
 * Null when it is invalid; the trace then starts anew.
 *
 *     00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
 *     0  3                                36               53
 * @hot
 */
export function parseTraceparent(text: string): Traceparent | null {
  if (!isTraceparent(text)) return null;
  return {
    traceId: text.slice(3, 35),
    spanId: text.slice(36, 52),
    sampled: (hexDigit(text.charCodeAt(54)) & 1) === 1,
  };
}

/** `traceparent` of version 00 with only the sampled flag. */
export function formatTraceparent(traceId: string, spanId: string, sampled: boolean): string {
  return '00-' + traceId + '-' + spanId + (sampled ? '-01' : '-00');
}

function isTraceparent(text: string): boolean {
  if (text.length < LENGTH) return false;
  if (text.charCodeAt(2) !== DASH || text.charCodeAt(35) !== DASH) return false;
  if (text.charCodeAt(52) !== DASH) return false;
  if (!isHex(text, 0, 2) || !isHex(text, 53, 55)) return false;
  if (text.charCodeAt(0) === 0x66 && text.charCodeAt(1) === 0x66) return false;
  if (text.length > LENGTH) {
    const isVersion00 = text.charCodeAt(0) === ZERO && text.charCodeAt(1) === ZERO;
    if (isVersion00 || text.charCodeAt(LENGTH) !== DASH) return false;
  }
  return isId(text, 3, 35) && isId(text, 36, 52);
}

function isId(text: string, start: number, end: number): boolean {
  return isHex(text, start, end) && !isAllZero(text, start, end);
}

function isHex(text: string, start: number, end: number): boolean {
  for (let i = start; i < end; i += 1) {
    if (hexDigit(text.charCodeAt(i)) < 0) return false;
  }
  return true;
}

function isAllZero(text: string, start: number, end: number): boolean {
  for (let i = start; i < end; i += 1) {
    if (text.charCodeAt(i) !== ZERO) return false;
  }
  return true;
}

/** 0 to 15, or -1 for what is not a lower-case hex digit. */
function hexDigit(code: number): number {
  if (code >= ZERO && code <= 0x39) return code - ZERO;
  if (code >= 0x61 && code <= 0x66) return code - 0x57;
  return -1;
}
