export { BODY_DATA, BODY_END, BODY_FAULT, BODY_NEED_MORE, BodyDecoder } from './body-decoder.ts';
export { HTTP1_FAULTS } from './faults.ts';
export type { Http1Fault, Http1FaultCode } from './faults.ts';
export { FRAMING_CHUNKED, FRAMING_CLOSE, FRAMING_LENGTH, FRAMING_NONE } from './framing.ts';
export type { Framing } from './framing.ts';
export { HeaderBlock } from './header-block.ts';
export { HeaderSet } from './header-set.ts';
export { HostCache } from './host-reader.ts';
export { IDENTITY_NAMES, IDENTITY_PREFIXES } from './identity-names.ts';
export { parseHost } from './host.ts';
export type { HostAndPort } from './host.ts';
export { DEFAULT_HTTP1_LIMITS } from './limits.ts';
export type { Http1Limits } from './limits.ts';
export { PATH_ESCAPED, PATH_PARAMETERS, PATH_PLAIN, canonicalPath, pathReadings } from './path.ts';
export { RequestHead } from './request-head.ts';
export { RequestParser } from './request-parser.ts';
export { ResponseHead } from './response-head.ts';
export { ResponseParser } from './response-parser.ts';
export {
  CHUNK_END,
  LAST_CHUNK,
  chunkHeader,
  writeRequestHead,
  writeResponseHead,
} from './write-head.ts';
