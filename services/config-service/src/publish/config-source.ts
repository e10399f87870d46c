import { ConfigDigest, digestBucket, encodeDocument, type ConfigSource } from '@headgate/bus';
import type { Outbox } from '../store/outbox.ts';
import { publishedHeader } from './build-document.ts';

/** Answers the questions of edges from the database, which is right whatever the bus has lost. */
export function createConfigSource(outbox: Outbox): ConfigSource {
  return {
    async digest() {
      const digest = new ConfigDigest();
      let newest = 0;
      for (const { key, revision, deleted } of await outbox.entries()) {
        newest = Math.max(newest, revision);
        if (!deleted) digest.add(key, revision);
      }
      return digest.toMessage(await outbox.epoch(), newest);
    },
    async list(bucket) {
      const all = await outbox.entries();
      return {
        epoch: await outbox.epoch(),
        revision: all.reduce((newest, { revision }) => Math.max(newest, revision), 0),
        entries: all
          .filter(({ key, deleted }) => !deleted && digestBucket(key) === bucket)
          .map(({ key, revision }) => [key, revision] as const),
      };
    },
    async get(keys) {
      const documents = await outbox.documents(keys);
      return documents.map((document) => [
        document.key,
        encodeDocument(publishedHeader(document), document.body),
      ]);
    },
  };
}
