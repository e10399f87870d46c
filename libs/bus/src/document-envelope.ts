import { isUtf8 } from 'node:buffer';
import { hash } from 'node:crypto';
import { DocumentHeader, documentKey, usualHeader } from '@headgate/model';
import { checkMessage, parseJson } from './parse-message.ts';

// A document on the wire, in the KV bucket and in replies to `get`:
//
//     {"v":1,"kind":"tenant","id":"acme","revision":12,"deleted":false,"sha256":"…","identity":{…}}\n
//     {"tenant":{…},"upstreams":[…],"routes":[…],"apiKeys":[…]}
//
// The receiver parses the first line only; the second stays bytes until somebody needs it.

/** A document as received. */
export interface ReceivedDocument {
  /** `<kind>.<id>` of the header. */
  readonly key: string;
  readonly header: DocumentHeader;
  /** UTF-8 JSON, empty if `header.deleted`. A view of the bytes that were decoded; copy to keep. */
  readonly body: Uint8Array;
  /** What was decoded, if `header` says neither more nor less than its first line; else null. A view, too. */
  readonly exact: Uint8Array | null;
}

/** Why bytes are not a document. */
export type DocumentRejection =
  /** No end of the first line: truncated, or no document at all. */
  | 'truncated'
  /** More than {@link DOCUMENT_BYTES_MAX} bytes, or a header line of more than 256 KiB. */
  | 'too-big'
  /** The first line is not JSON. */
  | 'bad-json'
  /** The first line lacks fields or has wrong ones. */
  | 'bad-fields'
  /** `v` is a version that this release does not know. */
  | 'unknown-version'
  /** The body is not the one that was published: truncated or changed on the way. */
  | 'bad-hash'
  /** A deletion with a body, a document without one, or a body that is not UTF-8. */
  | 'bad-body'
  /** The key that it was stored under is not that of its header. */
  | 'key-mismatch';

/** Result of {@link decodeDocument}. */
export type DecodedDocument =
  | { readonly ok: true; readonly document: ReceivedDocument }
  | { readonly ok: false; readonly reason: DocumentRejection };

/** Largest document in bytes, header included. A NATS server takes 1 MiB unless told otherwise. */
export const DOCUMENT_BYTES_MAX = 16 * 1024 * 1024;
const HEADER_BYTES_MAX = 256 * 1024;
const LINE_FEED = 10;
const LEFT_BRACE = 0x7b;

/** A header whose version and hash {@link encodeDocument} fills in. */
export type DocumentHeaderInput = Omit<DocumentHeader, 'v' | 'sha256'>;

/** Builds the wire form. `body` is UTF-8 JSON; it is ignored if `header.deleted`. */
export function encodeDocument(header: DocumentHeaderInput, body: string | Uint8Array): Uint8Array {
  const bytes = header.deleted ? Buffer.alloc(0) : Buffer.from(body);
  const line = JSON.stringify({ v: 1, ...header, sha256: sha256(bytes) } satisfies DocumentHeader);
  return Buffer.concat([Buffer.from(`${line}\n`), bytes]);
}

/**
 * Takes the wire form apart and checks all but the meaning of the body. Never throws, whatever the
 * bytes are.
 *
 * @param expectedKey the key under which it was stored or asked for, if there is one.
 */
export function decodeDocument(bytes: Uint8Array, expectedKey?: string): DecodedDocument {
  if (bytes.length > DOCUMENT_BYTES_MAX) return { ok: false, reason: 'too-big' };
  const lineEnd = bytes.subarray(0, HEADER_BYTES_MAX + 1).indexOf(LINE_FEED);
  if (lineEnd === -1) {
    return { ok: false, reason: bytes.length > HEADER_BYTES_MAX ? 'too-big' : 'truncated' };
  }
  const json = parseJson(bytes.subarray(0, lineEnd));
  if (json === undefined) return { ok: false, reason: 'bad-json' };
  const usual = usualHeader(json);
  const parsed =
    usual === null ? checkMessage(DocumentHeader, json) : { ok: true as const, value: usual };
  if (!parsed.ok) return parsed;
  const header = parsed.value;
  const body = bytes.subarray(lineEnd + 1);
  if (sha256(body) !== header.sha256) return { ok: false, reason: 'bad-hash' };
  if (header.deleted !== (body.length === 0) || !isUtf8(body)) {
    return { ok: false, reason: 'bad-body' };
  }
  const key = documentKey(header.kind, header.id);
  if (expectedKey !== undefined && key !== expectedKey) {
    return { ok: false, reason: 'key-mismatch' };
  }
  // Text that begins with a byte order mark is none of ours, but would lose it on the way.
  const isExact = usual !== null && bytes[0] === LEFT_BRACE;
  return { ok: true, document: { key, header, body, exact: isExact ? bytes : null } };
}

/** The body of a document as text of its own. */
export function bodyText({ body }: Pick<ReceivedDocument, 'body'>): string {
  return utf8Text(body);
}

/** Both lines of a document as text of its own; the first one tells all of `header`. */
export function documentText(document: Omit<ReceivedDocument, 'key'>): string {
  const { header, exact } = document;
  return exact === null ? `${JSON.stringify(header)}\n${bodyText(document)}` : utf8Text(exact);
}

function utf8Text({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('utf8');
}

function sha256(bytes: Uint8Array): string {
  return hash('sha256', bytes);
}
