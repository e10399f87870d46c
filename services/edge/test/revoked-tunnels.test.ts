import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { createTokenKey, waitFor } from '@headgate/testkit';
import type { WireDocument } from '../src/ipc/wire-document.ts';
import { planDocument, tenantDocument, type TestTenant } from './support/edge-process.ts';
import { HANDSHAKE, SWITCHING } from './support/handshake.ts';
import { endpointsAt } from './support/one-tenant-edge.ts';
import { openTunnel, type OpenTunnel } from './support/open-tunnel.ts';
import { inForce, ProbationScene, type ScaledEdge } from './support/probation-scene.ts';

const KEYS = { first: { key: 'hgk_first' }, second: { key: 'hgk_second' } };
/** An unmasked close frame with the code 1001. */
const GOING_AWAY = '\x88\x02\x03\xe9';
/** What may pass until both sides are cut, whatever they do (T30 of the fault policy). */
const CUT_MS = 5000;

let scene: ProbationScene;
let edge: ScaledEdge;
let revision = 10;

function tenant(id: string, changes: Partial<TestTenant> = {}): WireDocument {
  const upstreams = { main: { endpoints: endpointsAt(scene.origin.port) } };
  const routes = { all: { upstreamId: 'main', auth: 'api_key' } };
  revision += 1;
  return tenantDocument(
    { id, hosts: [`${id}.test`], upstreams, routes, apiKeys: KEYS, ...changes },
    revision,
  );
}

async function put(document: WireDocument): Promise<void> {
  await scene.source.put(document);
  await inForce(edge, document.key, document.header.revision);
}

const openAs = (id: string, { key }: { readonly key: string }): Promise<OpenTunnel> => {
  const handshake = HANDSHAKE.replace('a.test', `${id}.test`);
  const keyed = handshake.replace('Sec-', `X-API-Key: ${key}\r\nSec-`);
  return openTunnel(edge.port, scene.origin, keyed);
};

before(async () => {
  scene = await ProbationScene.open();
  await scene.source.put(planDocument({}, 1));
  edge = await scene.start();
  scene.origin.respondWith(() => SWITCHING);
});
after(() => scene.close());

suite('an open WebSocket ends with its permission', () => {
  /** Soon, but not yet when it is in force. */
  const soon = (): string => new Date(Date.now() + 1500).toISOString();
  const changes: readonly [string, string, (id: string) => Promise<void>][] = [
    ['its tenant is suspended', 's', (id) => put(tenant(id, { status: 'suspended' }))],
    ['its key is deleted', 'k', (id) => put(tenant(id, { apiKeys: { second: KEYS.second } }))],
    [
      'its key has another secret now',
      'r',
      (id) => put(tenant(id, { apiKeys: { first: { key: 'hgk_other' } } })),
    ],
    [
      'its tenant is deleted',
      'd',
      async (id) => {
        const document = tenant(id);
        await scene.source.remove(document, document.header.revision);
        await inForce(edge, document.key, null);
      },
    ],
    [
      'its key expires',
      'e',
      (id) => put(tenant(id, { apiKeys: { first: { ...KEYS.first, expiresAt: soon() } } })),
    ],
  ];
  for (const [title, id, change] of changes) {
    test(`${title}: both sides are told, then it is cut`, async () => {
      await put(tenant(id));
      const { client, link, toClient, toEndpoint } = await openAs(id, KEYS.first);
      await change(id);
      const startMs = performance.now();
      await waitFor(() => toClient() === GOING_AWAY, { message: 'the close frame' });
      await waitFor(() => toEndpoint().length === 8, { message: 'that of the endpoint, masked' });
      await client.closed();
      await waitFor(() => link.ended, { message: 'the end at the endpoint' });
      assert.ok(performance.now() - startMs < CUT_MS, `${performance.now() - startMs} ms`);
      client.close();
    });
  }

  for (const [title, id, lifeS, change] of [
    ['its token expires', 'te', 2, () => Promise.resolve()],
    [
      'the issuer of its token is gone',
      'ti',
      300,
      (id: string) => put(tenant(id, { routes: { all: { upstreamId: 'main' } } })),
    ],
  ] as const) {
    test(`${title}: both sides are told, then it is cut`, async () => {
      const key = await createTokenKey();
      const login = {
        ...{ issuer: 'https://login.test', audiences: ['api'], leewayMs: 0 },
        jwks: { keys: [key.jwk] },
      };
      const jwt = { issuerIds: ['login'] };
      const routes = { all: { upstreamId: 'main', auth: 'jwt', jwt } };
      await put(tenant(id, { routes, jwtIssuers: { login } }));
      const exp = Math.ceil(Date.now() / 1000) + lifeS;
      const token = await key.sign({ iss: 'https://login.test', aud: 'api', sub: 'alice', exp });
      const handshake = HANDSHAKE.replace('a.test', `${id}.test`);
      const { client, toClient } = await openTunnel(
        edge.port,
        scene.origin,
        handshake.replace('Sec-', `Authorization: Bearer ${token}\r\nSec-`),
      );
      await change(id);
      await waitFor(() => toClient() === GOING_AWAY, { message: 'the close frame' });
      await client.closed();
      client.close();
    });
  }

  test('a change of anything else leaves it alone', async () => {
    await put(tenant('o'));
    const { client, toClient, toEndpoint } = await openAs('o', KEYS.first);
    const routes = { other: { upstreamId: 'main', match: { path: { prefix: '/other' } } } };
    await put(tenant('o', { routes, apiKeys: { first: KEYS.first } }));
    const startMs = performance.now();
    await waitFor(() => performance.now() - startMs > 2500, { message: 'more than a look' });
    assert.deepEqual([toClient(), toEndpoint().length, client.state()], ['', 0, 'open']);
    client.close();
  });
});
