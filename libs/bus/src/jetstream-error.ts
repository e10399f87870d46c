import { ErrorCode, NatsError } from 'nats';

/** Why JetStream did not do what it was asked. */
export type JetStreamFault =
  /** The stream (bucket) does not exist. */
  | 'missing'
  /** Nobody answers: there is no such bucket, no JetStream, or the server is not ready. */
  | 'unavailable'
  /** The connection broke, or there is none; a write may or may not have happened. */
  | 'disconnected'
  /** No answer in time; a write may or may not have happened. */
  | 'timeout'
  /** The message is larger than the server takes. */
  | 'too-large'
  /** The server refused; the message says why. */
  | 'refused';

/** The client's error codes that this library tells apart, as plain strings. */
export const errorCodes = {
  tooLarge: String(ErrorCode.MaxPayloadExceeded),
  noResponders: String(ErrorCode.NoResponders),
  timeout: String(ErrorCode.Timeout),
  disconnected: String(ErrorCode.Disconnect),
} as const;

/** Code of the client's error; an empty string for other exceptions. */
export function errorCode(error: unknown): string {
  return error instanceof NatsError ? error.code : '';
}

/** Sorts what the client threw into the faults that a caller can act on. */
export function jetStreamFault(error: unknown): JetStreamFault {
  if (!(error instanceof NatsError)) return 'unavailable';
  if (error.code === errorCodes.tooLarge) return 'too-large';
  if (error.code === errorCodes.timeout) return 'timeout';
  if (error.code === errorCodes.disconnected) return 'disconnected';
  const api = error.api_error;
  if (api === undefined) return 'unavailable';
  if (api.code === 404) return 'missing';
  if (/exceeds maximum|message size/i.test(api.description)) return 'too-large';
  return api.code === 503 ? 'unavailable' : 'refused';
}
