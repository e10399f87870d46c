import assert from 'node:assert/strict';
import {
  CONFIG_BUCKET,
  ConfigDigest,
  connectBus,
  createConfigPublisher,
  type Bus,
} from '@headgate/bus';
import { systemClock, systemRandom } from '@headgate/runtime';
import { waitFor } from '@headgate/testkit';
import { WireDocument } from '../../src/ipc/wire-document.ts';

/** Publishes documents as the config-service does, from memory. */
export interface ConfigSource {
  readonly bus: Bus;
  /** Publishes documents, in place of older revisions of them, and then the digest. */
  put(...documents: readonly WireDocument[]): Promise<void>;
  /** Publishes the deletion of a document. */
  remove(document: WireDocument, revision: number): Promise<void>;
  /** Writes bytes under the key of a document, whatever they are. */
  putBytes(key: string, bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Connects to NATS and creates the bucket. */
export async function createConfigSource(url: string): Promise<ConfigSource> {
  const bus = connectBus(
    { clock: systemClock, random: systemRandom },
    { servers: [url], name: 'config-source', reconnectWaitMsMax: 200 },
  );
  await waitFor(() => bus.connected, { message: 'the config source to connect' });
  const publisher = createConfigPublisher(bus);
  const digest = new ConfigDigest();
  const live = new Map<string, number>();
  let newest = 0;
  const account = (key: string, revision: number, deleted: boolean): void => {
    const old = live.get(key);
    if (old !== undefined) digest.remove(key, old);
    live.delete(key);
    if (!deleted) {
      digest.add(key, revision);
      live.set(key, revision);
    }
    newest = Math.max(newest, revision);
  };
  const send = async (documents: readonly WireDocument[]): Promise<void> => {
    for (const { key, header, body } of documents) {
      assert.deepEqual(await publisher.put(header, body).then(({ ok }) => ok), true);
      account(key, header.revision, header.deleted);
    }
    const message = digest.toMessage('epoch-1', newest);
    assert.deepEqual(await publisher.putDigest(message).then(({ ok }) => ok), true);
  };
  await publisher.ensureBucket();
  return {
    bus,
    put: (...documents) => send(documents),
    remove: ({ header }, revision) =>
      send([WireDocument.of({ ...header, deleted: true, revision }, '')]),
    async putBytes(key, bytes) {
      await bus.request(`$KV.${CONFIG_BUCKET}.${key}`, bytes, 2000);
    },
    close: () => bus.close(),
  };
}
