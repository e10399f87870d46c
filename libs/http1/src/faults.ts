/**
 * The table of everything the codec refuses. `status` is the answer to a client; a fault in a
 * response means 502 whatever its status, and in both directions the connection is closed.
 */
const rows = [
  [400, 'HG_HTTP_METHOD_INVALID', 'The method is not a token of at most 32 bytes.'],
  [405, 'HG_HTTP_METHOD_REFUSED', 'CONNECT and TRACE are not served.'],
  [400, 'HG_HTTP_TARGET_INVALID', 'The request target is malformed.'],
  [400, 'HG_HTTP_TARGET_BYTE', 'The request target contains a byte that must be escaped.'],
  [400, 'HG_HTTP_TARGET_ESCAPE', 'The path contains a broken or forbidden percent escape.'],
  [400, 'HG_HTTP_TARGET_SEGMENT', 'The path contains a dot segment or an empty segment.'],
  [414, 'HG_HTTP_TARGET_TOO_LONG', 'The request target is too long.'],
  [400, 'HG_HTTP_VERSION_INVALID', 'The protocol version is malformed or missing.'],
  [505, 'HG_HTTP_VERSION_UNSUPPORTED', 'Only HTTP/1.0 and HTTP/1.1 are spoken here.'],
  [400, 'HG_HTTP_STATUS_INVALID', 'The status line is malformed.'],
  [400, 'HG_HTTP_BARE_CR', 'A CR is not followed by LF.'],
  [400, 'HG_HTTP_BARE_LF', 'A line ends in LF without CR.'],
  [400, 'HG_HTTP_NAME_INVALID', 'A header name is empty or not a token.'],
  [400, 'HG_HTTP_NAME_SPACE', 'White space precedes the colon of a header.'],
  [400, 'HG_HTTP_NAME_ALIAS', 'A header name is an underscore alias of a protected name.'],
  [431, 'HG_HTTP_NAME_TOO_LONG', 'A header name is too long.'],
  [400, 'HG_HTTP_FOLDED', 'A header is folded over several lines.'],
  [400, 'HG_HTTP_VALUE_INVALID', 'A header value contains a control byte.'],
  [431, 'HG_HTTP_HEADERS_TOO_MANY', 'There are too many headers.'],
  [431, 'HG_HTTP_HEAD_TOO_LARGE', 'The head is too large.'],
  [400, 'HG_HTTP_CONNECTION_INVALID', 'The Connection field has too many options.'],
  [400, 'HG_HTTP_HOST_MISSING', 'The Host header is missing.'],
  [400, 'HG_HTTP_HOST_REPEATED', 'There is more than one Host header.'],
  [400, 'HG_HTTP_HOST_INVALID', 'The host is malformed.'],
  [400, 'HG_HTTP_HOST_MISMATCH', 'The request target names another host than the Host header.'],
  [400, 'HG_HTTP_LENGTH_INVALID', 'The Content-Length is not one plain number below 2^53.'],
  [400, 'HG_HTTP_LENGTH_REPEATED', 'There is more than one Content-Length.'],
  [400, 'HG_HTTP_LENGTH_AND_CODING', 'Content-Length and Transfer-Encoding exclude each other.'],
  [400, 'HG_HTTP_CODING_INVALID', 'The Transfer-Encoding is not exactly one "chunked".'],
  [501, 'HG_HTTP_CODING_UNSUPPORTED', 'Only the transfer coding "chunked" is understood.'],
  [400, 'HG_HTTP_CODING_VERSION', 'HTTP/1.0 has no Transfer-Encoding.'],
  [417, 'HG_HTTP_EXPECTATION', 'The only expectation that is met is "100-continue".'],
  [400, 'HG_HTTP_INTERIM_BODY', 'An interim response announces a body.'],
  [400, 'HG_HTTP_CHUNK_SIZE', 'A chunk size is not a plain hexadecimal number below 2^53.'],
  [400, 'HG_HTTP_CHUNK_EXTENSION', 'A chunk extension is malformed.'],
  [400, 'HG_HTTP_CHUNK_LINE_TOO_LONG', 'A chunk size line, or all extensions, are too long.'],
  [400, 'HG_HTTP_CHUNK_END', 'The data of a chunk does not end in CRLF.'],
  [431, 'HG_HTTP_TRAILER_TOO_LARGE', 'The trailer section is too large.'],
] as const;

/** Stable identifiers of faults, for logs, metrics and problem documents. */
export type Http1FaultCode = (typeof rows)[number][1];

/** Why a message was refused. Instances are the frozen rows of {@link HTTP1_FAULTS}. */
export interface Http1Fault {
  /** What a client is answered; as a response's fault it always means 502. */
  readonly status: 400 | 405 | 414 | 417 | 431 | 501 | 505;
  readonly code: Http1FaultCode;
  /** One English sentence without any byte of the message. */
  readonly message: string;
}

/** Every fault by its code. */
export const HTTP1_FAULTS: Readonly<Record<Http1FaultCode, Http1Fault>> = Object.freeze(
  // The keys are exactly the codes of the rows, which is what the record's type says.
  Object.fromEntries(
    rows.map(([status, code, message]) => [code, Object.freeze({ status, code, message })]),
  ) as Record<Http1FaultCode, Http1Fault>,
);
