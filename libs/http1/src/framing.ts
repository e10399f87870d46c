/** The message has no body. */
export const FRAMING_NONE = 0;
/** The body has `contentLength` bytes. */
export const FRAMING_LENGTH = 1;
/** The body is in chunks. */
export const FRAMING_CHUNKED = 2;
/** The body lasts until the connection ends; responses only (RFC 9112 section 6.3, rule 8). */
export const FRAMING_CLOSE = 3;

/** How the end of a body is found. */
export type Framing =
  typeof FRAMING_NONE | typeof FRAMING_LENGTH | typeof FRAMING_CHUNKED | typeof FRAMING_CLOSE;
