import { createHash } from 'node:crypto';
import { FRAMING_CHUNKED, type RequestHead, type ResponseHead } from '@headgate/http1';

/** RFC 6455 section 1.3. */
const ACCEPT_SALT = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/**
 * Whether a request asks for a WebSocket, the one protocol that is passed on. All other offers are dropped, as RFC 9110
 * section 7.8 allows: behind a tunnel nothing is authorised any more, and `h2c` would carry HTTP through it. Nor is one
 * with a body: an endpoint that switches before the body ends would get its rest as frames.
 *
 * @hot
 */
export function asksForWebSocket(head: RequestHead): boolean {
  if (head.upgrade === '') return false;
  return (
    head.upgrade.toLowerCase() === 'websocket' &&
    head.method === 'GET' &&
    head.framing !== FRAMING_CHUNKED &&
    head.contentLength <= 0 &&
    head.count('sec-websocket-key') === 1
  );
}

/** Whether a 101 answers what the request asked for (RFC 6455 section 4.1): if not, nothing may be tunnelled. */
export function acceptsWebSocket(request: RequestHead, response: ResponseHead): boolean {
  if (!asksForWebSocket(request) || response.upgrade.toLowerCase() !== 'websocket') return false;
  const key = request.get('sec-websocket-key') ?? '';
  const expected = createHash('sha1')
    .update(key + ACCEPT_SALT)
    .digest('base64');
  return (
    response.count('sec-websocket-accept') === 1 &&
    response.get('sec-websocket-accept') === expected
  );
}
