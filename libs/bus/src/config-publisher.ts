import type { Bus, SendOutcome } from './bus.ts';
import { ensureBucket, putValue, type WriteOutcome } from './bucket-writes.ts';
import type { DigestMessage } from './config-digest.ts';
import { documentKey } from '@headgate/model';
import {
  DOCUMENT_BYTES_MAX,
  encodeDocument,
  type DocumentHeaderInput,
} from './document-envelope.ts';
import { encodeMessage } from './parse-message.ts';
import { CONFIG_BUCKET, DIGEST_KEY, subjects } from './subjects.ts';

/** Writes configuration to the bus. All outcomes are values; nothing is retried in here. */
export interface ConfigPublisher {
  /** Creates the bucket if it is missing. */
  ensureBucket(): Promise<WriteOutcome>;
  /** Publishes a document or a deletion; resolves when JetStream has confirmed it. */
  put(header: DocumentHeaderInput, body: string | Uint8Array): Promise<WriteOutcome>;
  /** Stores the digest beside the documents, where feeds find it at any time. */
  putDigest(digest: DigestMessage): Promise<WriteOutcome>;
  /** Sends the digest to all feeds that are connected now. */
  broadcastDigest(digest: DigestMessage): SendOutcome;
}

/**
 * Creates a publisher. For exact comparisons, call `putDigest` after the documents it covers.
 *
 * @param options.replicas copies of the bucket, 1 to 5; default 1.
 */
export function createConfigPublisher(
  bus: Bus,
  options: { readonly replicas?: number; readonly putTimeoutMs?: number } = {},
): ConfigPublisher {
  return {
    ensureBucket: () => ensureBucket(bus, CONFIG_BUCKET, { replicas: options.replicas ?? 1 }),
    async put(header, body) {
      const bytes = encodeDocument(header, body);
      const bytesMax = Math.min(DOCUMENT_BYTES_MAX, bus.payloadBytesMax ?? DOCUMENT_BYTES_MAX);
      if (bytes.length > bytesMax) {
        const detail = `the document has ${bytes.length} bytes, at most ${bytesMax} are possible`;
        return { ok: false, reason: 'too-large', detail };
      }
      const key = documentKey(header.kind, header.id);
      return putValue(bus, CONFIG_BUCKET, key, bytes, options.putTimeoutMs);
    },
    putDigest: (digest) =>
      putValue(bus, CONFIG_BUCKET, DIGEST_KEY, encodeMessage(digest), options.putTimeoutMs),
    broadcastDigest: (digest) => bus.publish(subjects.configDigest, encodeMessage(digest)),
  };
}
