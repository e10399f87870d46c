import {
  FRAMING_CHUNKED,
  FRAMING_CLOSE,
  HeaderSet,
  writeResponseHead,
  type Framing,
  type ResponseHead,
} from '@headgate/http1';
import { connectionLine } from './local-reply.ts';
import type { RequestContext } from './request-context.ts';
import { viaLine, viaLineAndIdName } from './via.ts';

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
  const idEnd = head.indexOf('date') === -1 ? '\r\n' + dateLine : '\r\n';
  const append =
    viaLineAndIdName(head, head.minorVersion) +
    context.requestId +
    idEnd +
    context.limitHeaders +
    connectionLine(keepAlive, context.head.minorVersion);
  const dropped = context.limitHeaders === '' ? DROPPED : DROPPED_WITH_LIMITS;
  return writeResponseHead(head, dropped, framing, head.contentLength, append);
}

/** Head of an interim response (1xx), passed on as it is; it goes through a proxy like any other (RFC 9110 section 7.6.3). */
export function writeInterimHead(head: ResponseHead, append: string): string {
  return writeResponseHead(head, DROPPED, 0, -1, viaLine(head, head.minorVersion) + append);
}
