import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import { encodeDocument } from '@headgate/bus';
import { createSeededRandom, waitFor } from '@headgate/testkit';
import type { WireDocument } from '../src/ipc/wire-document.ts';
import { planDocument } from './support/edge-process.ts';
import { ProbationScene, rejectionOf, type ScaledEdge } from './support/probation-scene.ts';
import { connectRaw } from './support/raw-client.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

let scene: ProbationScene;
let edge: ScaledEdge;
let revision = 3;

before(async () => {
  scene = await ProbationScene.open();
  const documents = [planDocument({}, 1), scene.tenant('a', 2), scene.tenant('b', 3)];
  await scene.source.put(...documents);
  edge = await scene.start();
});
after(() => scene.close());
beforeEach(() => scene.origin.respondWith(() => OK));

async function inForce(key: string, wanted: number | null): Promise<void> {
  await waitFor(async () => (await edge.revision(key)) === wanted, { message: `${key}@${wanted}` });
}

/** A good revision comes through after all that was sent before. */
async function putGood(id: string): Promise<void> {
  revision += 1;
  await scene.source.put(scene.tenant(id, revision));
  await inForce(`tenant.${id}`, revision);
}

/** A request to a tenant that its endpoint holds until it is released. */
async function heldRequest(host: string) {
  let release = (): void => undefined;
  scene.origin.respondWith(() => new Promise((resolve) => (release = () => resolve(OK))));
  const seen = scene.origin.requests.length;
  const client = await connectRaw(edge.port);
  client.send(`GET /held HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  await waitFor(() => scene.origin.requests.length > seen, { message: 'the request' });
  return { client, release: () => release() };
}

suite('a change while requests are under way', () => {
  const changes: readonly [string, string, (id: string) => Promise<void>, number][] = [
    ['a new revision', 'c', (id) => putGood(id), 200],
    [
      'the deletion of the tenant',
      'd',
      async (id) => {
        revision += 1;
        await scene.source.remove(scene.tenant(id, revision), revision);
        await inForce(`tenant.${id}`, null);
      },
      404,
    ],
  ];
  for (const [title, id, change, statusAfter] of changes) {
    test(`${title}: they end on the snapshot that they began on`, async () => {
      await putGood(id);
      const held = await heldRequest(`${id}.test`);
      await change(id);
      scene.origin.respondWith(() => OK);
      assert.equal(await edge.status(`${id}.test`), statusAfter, 'new ones see the change');
      held.release();
      assert.equal((await held.client.response()).status, 200);
      held.client.close();
    });
  }
});

suite('bytes on the bus that are no usable document', () => {
  /** An encoded document of tenant a, newer than what is in force. */
  const encoded = (body?: string): Buffer => {
    revision += 1;
    const document: WireDocument = scene.tenant('a', revision);
    return Buffer.from(encodeDocument(document.header, body ?? document.body));
  };
  const replaced = (from: string | RegExp, to: string): Buffer =>
    Buffer.from(encoded().toString('utf8').replace(from, to));

  test('are passed over: cut, changed, of another version or key; the good revision serves', async () => {
    await putGood('a');
    const before = revision;
    const random = createSeededRandom(11);
    const whole = encoded();
    const corrupt = [
      Buffer.alloc(0),
      whole.subarray(0, whole.length - 1),
      Buffer.concat([whole, whole]),
      replaced('"v":1', '"v":2'),
      replaced('"kind":"tenant"', '"kind":"other"'),
      replaced(/"id":"a"/, '"id":"b"'),
      replaced(/"sha256":"[0-9a-f]+"/, '"sha256":null'),
      replaced('{"v"', '{"__proto__":{"deleted":true},"v"').subarray(0, -2),
      Buffer.from('['.repeat(200_000)),
    ];
    for (let index = 0; index < 100; index += 1) {
      const bytes = Buffer.from(whole);
      const at = Math.floor(random.next() * bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random.next() * 8));
      // Not the revision: with another one the document is sound.
      const line = bytes.toString('latin1').split('\n', 1)[0] ?? '';
      if (line.includes(`"revision":${revision},`)) corrupt.push(bytes);
    }
    for (const bytes of corrupt) await scene.source.putBytes('tenant.a', bytes);
    await putGood('b');
    const { rejected } = await edge.config();
    assert.deepEqual(rejected, []);
    const inForceNow = (await edge.revision('tenant.a')) ?? 0;
    assert.ok(inForceNow >= before, 'nothing older than before');
    assert.equal(await edge.status('a.test'), 200);
    assert.equal((await edge.readiness()).status, 200);
  });

  for (const [title, body] of [
    ['null', 'null'],
    ['fields that are missing', '{"tenant":{}}'],
    ['deep nesting', `{"tenant":${'['.repeat(50_000)}${']'.repeat(50_000)}}`],
    ['a key __proto__', '{"__proto__":{"tenant":{}},"routes":[]}'],
  ] as const) {
    test(`a sound envelope around ${title} is rejected with its reason; the others go on`, async () => {
      await putGood('a');
      const before = revision;
      await scene.source.putBytes('tenant.a', encoded(body));
      assert.match(await rejectionOf(edge, 'tenant.a'), new RegExp(`^${revision}: .`));
      assert.equal(await edge.revision('tenant.a'), before);
      assert.equal(await edge.status('a.test'), 200);
      assert.equal(await edge.status('b.test'), 200);
      await putGood('a');
      assert.deepEqual((await edge.config()).rejected, []);
    });
  }
});
