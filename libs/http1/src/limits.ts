/**
 * Bounds of one message head and of the framing of one body. Every bound is inclusive: a head of
 * exactly `headBytesMax` bytes passes, one byte more is a fault.
 */
export interface Http1Limits {
  /** Whole head in bytes, start line to the empty line included. Default 32768. Over it: 431. */
  readonly headBytesMax: number;
  /** Header lines of one head. Default 100. Over it: 431. */
  readonly headerCountMax: number;
  /** Request target in bytes. Default 8192. Over it: 414. */
  readonly targetBytesMax: number;
  /** One header or trailer name in bytes. Default 256. Over it: 431. */
  readonly headerNameBytesMax: number;
  /** Chunk size with its extensions in bytes, CRLF excluded. Default 256. Over it: 400. */
  readonly chunkLineBytesMax: number;
  /** Whole trailer section in bytes, its last CRLF excluded. Default 4096. Over it: 431. */
  readonly trailerBytesMax: number;
}

/** The bounds that apply when a parser gets none. */
export const DEFAULT_HTTP1_LIMITS: Http1Limits = Object.freeze({
  headBytesMax: 32_768,
  headerCountMax: 100,
  targetBytesMax: 8192,
  headerNameBytesMax: 256,
  chunkLineBytesMax: 256,
  trailerBytesMax: 4096,
});

/** Longest method token, in bytes. The longest registered one (UPDATEREDIRECTREF) has 17. */
export const METHOD_BYTES_MAX = 32;

/** Most options in all Connection fields of one head: each is compared with every header. */
export const CONNECTION_OPTIONS_MAX = 64;

/**
 * Chunk extensions that a body may carry on top of its data, in bytes. Extensions may grow with the
 * data (AWS signs each chunk in one), but not dwarf it (CVE-2023-39326).
 */
export const CHUNK_EXTENSION_EXCESS_BYTES_MAX = 16_384;
