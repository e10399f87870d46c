import {
  FRAMING_CHUNKED,
  FRAMING_CLOSE,
  HeaderSet,
  writeResponseHead,
  type Framing,
  type ResponseHead,
} from '@headgate/http1';
import type { RequestContext } from './request-context.ts';

const VIA_LINE = 'Via: 1.1 headgate\r\n';

/** Response fields that the edge sets itself. */
const DROPPED = new HeaderSet(['x-request-id', 'via']);
const DROPPED_WITH_LIMITS = new HeaderSet(['x-request-id', 'via', 'ratelimit', 'ratelimit-policy']);

/** How the body goes on to the client: HTTP/1.0 knows no chunks, HTTP/1.1 needs no close to end a body. @hot */
export function framingFor(upstream: Framing, clientMinorVersion: 0 | 1): Framing {
  if (upstream !== FRAMING_CHUNKED && upstream !== FRAMING_CLOSE) return upstream;
  return clientMinorVersion === 1 ? FRAMING_CHUNKED : FRAMING_CLOSE;
}

/**
 * The head that goes back to the client.
 *
 * @param dateLine used when the endpoint sent no Date (RFC 9110 section 6.6.1).
 * @hot
 */
export function writeReturnedHead(
  context: RequestContext,
  head: ResponseHead,
  framing: Framing,
  keepAlive: boolean,
  dateLine: string,
): string {
  const via = head.get('via');
  let append = 'X-Request-Id: ' + context.requestId + '\r\n' + context.limitHeaders;
  append += via === null ? VIA_LINE : `Via: ${via}, 1.1 headgate\r\n`;
  if (head.indexOf('date') === -1) append += dateLine;
  if (!keepAlive) append += 'Connection: close\r\n';
  else if (context.head.minorVersion === 0) append += 'Connection: keep-alive\r\n';
  const dropped = context.limitHeaders === '' ? DROPPED : DROPPED_WITH_LIMITS;
  return writeResponseHead(head, dropped, framing, head.contentLength, append);
}

/** Head of an interim response (1xx), passed on as it is. */
export function writeInterimHead(head: ResponseHead, append: string): string {
  return writeResponseHead(head, DROPPED, 0, -1, append);
}
