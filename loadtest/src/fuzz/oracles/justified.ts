import { valuesOf, type ReadRequest } from '../read/read-request.ts';

/** A way in which another parser reads requests differently, and may. */
export interface JustifiedDifference {
  readonly parser: 'llhttp' | 'HAProxy' | 'nginx' | 'codec';
  /** What it does. */
  readonly difference: string;
  /** Why Headgate stays as it is. */
  readonly reason: string;
}

/** Every difference that the comparisons let pass; each is recognised by its own rule and counted. */
export const JUSTIFIED = {
  'llhttp-method': {
    parser: 'llhttp',
    difference: 'refuses a method outside its fixed list, and sees nothing behind it',
    reason: 'RFC 9110 section 9.1: methods are an open set; the token is forwarded as it is',
  },
  'llhttp-proxy-connection': {
    parser: 'llhttp',
    difference:
      'takes Proxy-Connection for Connection, so the connection ends earlier or later to it',
    reason: 'no standard knows the field; it is never forwarded',
  },
  'llhttp-upgrade': {
    parser: 'llhttp',
    difference: 'sees no HTTP behind a request that offers an upgrade',
    reason:
      'RFC 9110 section 7.8: an offer may be ignored; only WebSocket is passed on, and tunnels begin at 101',
  },
  'llhttp-trailer': {
    parser: 'llhttp',
    difference: 'applies or refuses Connection and framing fields among trailers',
    reason: 'RFC 9110 section 6.5.1: trailers are discarded, none is ever forwarded',
  },
  'codec-no-host': {
    parser: 'codec',
    difference:
      'refuses the empty Host of an HTTP/1.0 request that named none, once it is forwarded as HTTP/1.1',
    reason:
      'RFC 9110 section 7.2 asks for an empty Host; only a tenant known by path gets such a request',
  },
  'nginx-method': {
    parser: 'nginx',
    difference: 'refuses a method with characters other than A-Z, `_` and `-` (400)',
    reason: 'RFC 9110 section 9.1: a method is any token',
  },
  'nginx-asterisk': {
    parser: 'nginx',
    difference: 'refuses `OPTIONS *` (400)',
    reason: 'RFC 9112 section 3.2.4: it is a form of the target',
  },
  'nginx-repeated': {
    parser: 'nginx',
    difference: 'refuses a repeated field that should come once, such as Authorization (400)',
    reason:
      'no framing and no identity of ours depends on it; what it means is for the endpoint to say',
  },
} as const satisfies Readonly<Record<string, JustifiedDifference>>;

export type JustifiedId = keyof typeof JUSTIFIED;

/** Counts of justified differences met. */
export type JustifiedCounts = Partial<Record<JustifiedId, number>>;

/** Fields that nginx takes once, in `ngx_http_headers_in` with `ngx_http_process_unique_header_line`. */
const NGINX_ONCE = [
  'authorization', 'expect', 'if-match', 'if-modified-since', 'if-none-match', 'if-range',
  'if-unmodified-since', 'range', 'upgrade',
]; // prettier-ignore

/** Why a proxy may refuse a request that the edge has forwarded; null if nothing explains it. */
export function explainProxyRefusal(
  proxy: 'HAProxy' | 'nginx',
  request: ReadRequest,
  status: number,
): JustifiedId | null {
  if (proxy === 'nginx' && status === 400) {
    if (!/^[A-Z_-]+$/.test(request.method)) return 'nginx-method';
    if (request.target === '*') return 'nginx-asterisk';
    if (NGINX_ONCE.some((name) => valuesOf(request.headers, name).length > 1)) {
      return 'nginx-repeated';
    }
  }
  return null;
}
