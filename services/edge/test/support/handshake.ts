import { createHash } from 'node:crypto';

/** The key that {@link HANDSHAKE} sends. */
export const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/** What a server makes of {@link KEY} (RFC 6455 section 1.3). */
export const ACCEPT = createHash('sha1')
  .update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
  .digest('base64');

/** A WebSocket handshake for `/ws` of the host `a.test`. */
export const HANDSHAKE =
  'GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n' +
  `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`;

/** The answer to {@link HANDSHAKE}. */
export const SWITCHING =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  `Sec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`;
