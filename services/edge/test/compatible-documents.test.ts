import assert from 'node:assert/strict';
import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, suite, test } from 'node:test';
import { decodeDocument } from '@headgate/bus';
import { waitFor } from '@headgate/testkit';
import { WireDocument } from '../src/ipc/wire-document.ts';
import { edited } from './support/edge-process.ts';
import { ProbationScene, rejectionOf } from './support/probation-scene.ts';

// What other releases write: their documents on the bus and on disks load, and what is newer than this release harms nothing.

const DATA = join(import.meta.dirname, 'data');
const HOSTS = ['acme.test', 'plain.test'];
/** Their routes ask for a key: this answer comes from a compiled tenant, with no endpoint. */
const NO_KEY = 401;

const releases = (await readdir(DATA)).filter((name) => name.startsWith('documents-'));
let scene: ProbationScene;

beforeEach(async () => {
  scene = await ProbationScene.open();
});
afterEach(() => scene.close());

/** The documents of a release as they went over the bus, changed by `edit`. */
async function documentsOf(release: string): Promise<WireDocument[]> {
  const texts = JSON.parse(
    await readFile(join(DATA, release, 'documents.json'), 'utf8'),
  ) as string[];
  return texts.map((text) => {
    const decoded = decodeDocument(Buffer.from(text));
    assert.ok(decoded.ok, text);
    return WireDocument.received(decoded.document);
  });
}

async function isServed(edge: { status(host: string): Promise<number> }): Promise<void> {
  for (const host of HOSTS) assert.equal(await edge.status(host), NO_KEY, host);
}

suite('documents of other releases', () => {
  test('there are some', () => assert.ok(releases.length > 0));

  for (const release of releases) {
    test(`${release} on the bus: every one is in force`, async () => {
      const documents = await documentsOf(release);
      await scene.source.put(...documents);
      const edge = await scene.start();
      await isServed(edge); // compiled on first use
      await waitFor(async () => (await edge.config()).documents.length === documents.length, {
        message: 'all documents in force',
      });
      assert.deepEqual((await edge.config()).rejected, []);
    });

    test(`${release} on the disk: the edge is ready without a bus`, async () => {
      await cp(join(DATA, release, 'snapshots'), scene.snapshots, { recursive: true });
      await scene.nats.kill();
      const edge = await scene.start();
      await isServed(edge);
      assert.deepEqual((await edge.config()).rejected, []);
    });
  }

  test('of a later one: new fields beside the known ones are passed over; within them only that tenant stays as it was', async () => {
    await scene.source.put(...(await documentsOf(releases[0] ?? '')));
    const edge = await scene.start();
    const later = (await documentsOf(releases[0] ?? '')).map((document, index) => {
      const header = { revision: 10 + index, laterField: true };
      const value = { ...(JSON.parse(document.body) as object), laterPart: { a: 1 } };
      return edited(document, { header, body: JSON.stringify(value) });
    });
    await scene.source.put(...later);
    await waitFor(async () => (await edge.revision('tenant.plain')) === 12, {
      message: 'the last',
    });
    assert.deepEqual((await edge.config()).rejected, []);
    const [, acme] = later;
    assert.ok(acme !== undefined);
    const body = acme.body.replace('"status"', '"laterStatus":1,"status"');
    await scene.source.put(edited(acme, { header: { revision: 20 }, body }));
    assert.match(await rejectionOf(edge, 'tenant.acme'), /^20: tenant\.laterStatus: unknown key; /);
    assert.equal(await edge.revision('tenant.acme'), 11);
    await isServed(edge);
  });
});
