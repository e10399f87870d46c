import { GetReplyHead } from './config-messages.ts';
import { encodeMessage, parseMessage } from './parse-message.ts';

/** Documents of a reply to `get`, still encoded. */
export interface GetReply {
  /** Key and bytes of each document; the bytes are views of the reply. */
  readonly documents: readonly (readonly [key: string, bytes: Uint8Array])[];
  /** Keys that did not fit. */
  readonly remaining: readonly string[];
}

const LINE_FEED = 10;
/** Room for the first line of a reply: 64 keys twice, with sizes. */
const HEAD_BYTES_RESERVED = 16 * 1024;

/**
 * Builds a reply of at most `bytesMax` bytes: as many documents as fit, but at least one, so that
 * every reply makes progress. The keys of the others are named.
 */
export function encodeGetReply(
  documents: readonly (readonly [key: string, bytes: Uint8Array])[],
  bytesMax: number,
): Uint8Array {
  let room = bytesMax - HEAD_BYTES_RESERVED;
  let fitting = 0;
  for (const [, bytes] of documents) {
    room -= bytes.length;
    if (room < 0 && fitting > 0) break;
    fitting += 1;
  }
  const sent = documents.slice(0, fitting);
  const head = encodeMessage({
    v: 1,
    documents: sent.map(([key, bytes]) => [key, bytes.length]),
    remaining: documents.slice(fitting).map(([key]) => key),
  } satisfies GetReplyHead);
  return Buffer.concat([head, Buffer.from('\n'), ...sent.map(([, bytes]) => bytes)]);
}

/** Takes a reply apart; null if it is malformed. Never throws. */
export function decodeGetReply(bytes: Uint8Array): GetReply | null {
  const lineEnd = bytes.indexOf(LINE_FEED);
  if (lineEnd === -1) return null;
  const head = parseMessage(GetReplyHead, bytes.subarray(0, lineEnd));
  if (!head.ok) return null;
  const documents: [string, Uint8Array][] = [];
  let at = lineEnd + 1;
  for (const [key, size] of head.value.documents) {
    if (at + size > bytes.length) return null;
    documents.push([key, bytes.subarray(at, at + size)]);
    at += size;
  }
  return at === bytes.length ? { documents, remaining: head.value.remaining } : null;
}
