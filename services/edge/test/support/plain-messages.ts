/** The host of the one tenant that most scenes have; see `one-tenant-edge.ts`. */
export const HOST = 'a.test';

/** A header line that names {@link HOST}. */
export const HOST_LINE = `Host: ${HOST}\r\n`;

/** The plainest request for {@link HOST}. */
export const GET = `GET / HTTP/1.1\r\n${HOST_LINE}\r\n`;

/** The plainest answer of an endpoint. */
export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
