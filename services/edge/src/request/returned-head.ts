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
const DROPPED_WITH_LEGACY_LIMITS = new HeaderSet([
  ...['x-request-id', 'via', 'ratelimit', 'ratelimit-policy'],
  ...['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset'],
]);

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
  return writeResponseHead(
    head,
    droppedWith(context.limitHeaders),
    framing,
    head.contentLength,
    append,
  );
}

/** An endpoint's fields on limits go only where the edge sets such fields; `X-RateLimit-*` come first. @hot */
function droppedWith(limitHeaders: string): HeaderSet {
  if (limitHeaders === '') return DROPPED;
  return limitHeaders.startsWith('X-') ? DROPPED_WITH_LEGACY_LIMITS : DROPPED_WITH_LIMITS;
}

/** Head of an interim response (1xx), passed on as it is; it goes through a proxy like any other (RFC 9110 section 7.6.3). */
export function writeInterimHead(head: ResponseHead, append: string): string {
  return writeResponseHead(head, DROPPED, 0, -1, viaLine(head, head.minorVersion) + append);
}
