import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SecretsKeys } from '@headgate/runtime';
import { inHours, makeCertificate, type TestCertificate } from '@headgate/testkit';
import { sql } from 'kysely';
import { faults, type Send, type TestApi } from './support/api.ts';

const authority = makeCertificate({ name: 'authority', isAuthority: true });

function certificate(...dnsNames: string[]): TestCertificate {
  return makeCertificate({ name: dnsNames[0] ?? 'none', dnsNames, issuer: authority });
}

/** Of pages that begin with the tenants of these tests. */
const JUST_BEFORE = Buffer.from('tls').toString('base64url');

const specOf = ({ chain, privateKey }: TestCertificate) => ({ chain, privateKey });

/** What certificates keep to on every database; there is a plan named `base`. */
export function testCertificates(api: () => TestApi): void {
  const send: Send = (...request) => api().send(...request);

  async function succeed(...request: Parameters<Send>) {
    const reply = await send(...request);
    assert.ok(reply.status < 300, `${request[0]} ${request[1]}: ${JSON.stringify(reply.body)}`);
    return reply;
  }

  /** A new tenant with these hosts, and the path of it. */
  async function tenant(id: string, ...hosts: string[]): Promise<string> {
    await succeed('PUT', `/v1/tenants/${id}`, { planId: 'base', identity: { hosts } });
    return `/v1/tenants/${id}`;
  }

  async function bodyOf(key: string): Promise<Record<string, unknown>> {
    const [document] = await api().store.outbox.documents([key]);
    assert.ok(document, key);
    return JSON.parse(document.body) as Record<string, unknown>;
  }

  /** The only stored form of the key. */
  async function sealedOf(tenantId: string, id = 'web'): Promise<string> {
    const { certificates } = await bodyOf(`tenant.${tenantId}`);
    const all = certificates as readonly { id: string; sealedPrivateKey: string }[];
    return all.find((one) => one.id === id)?.sealedPrivateKey ?? '';
  }

  test('a certificate is shown with what it says and the hosts that it serves', async () => {
    const path = await tenant('tls-show', 'a.tls-show.test', '*.b.tls-show.test');
    const made = certificate('a.tls-show.test', 'x.b.tls-show.test', 'elsewhere.test');
    const { status, body } = await succeed('PUT', `${path}/certificates/web`, specOf(made));
    assert.equal(status, 201);
    const { chain, subject, dnsNames, hosts, notBefore, notAfter, serial, fingerprint } = body;
    assert.deepEqual([chain, subject], [made.chain, 'CN=a.tls-show.test']);
    assert.deepEqual(dnsNames, ['a.tls-show.test', 'x.b.tls-show.test', 'elsewhere.test']);
    assert.deepEqual(hosts, ['a.tls-show.test', 'x.b.tls-show.test']);
    assert.ok(String(notBefore) < String(notAfter));
    assert.match(`${String(serial)} ${String(fingerprint)}`, /^[0-9a-f]+ [0-9a-f]{64}$/);
    const got = await succeed('GET', `${path}/certificates/web`);
    assert.deepEqual({ ...got.body, updatedAt: 0 }, { ...body, updatedAt: 0 });
    const { items } = (await succeed('GET', `${path}/certificates`)).body;
    assert.deepEqual(items, [got.body]);
    // The hosts are those of now.
    await succeed('PUT', path, { planId: 'base', identity: { hosts: ['elsewhere.test'] } });
    assert.deepEqual((await succeed('GET', `${path}/certificates/web`)).body['hosts'], [
      'elsewhere.test',
    ]);
    await succeed('DELETE', `${path}/certificates/web`);
    assert.equal((await send('GET', `${path}/certificates/web`)).status, 404);
    assert.ok(!('certificates' in (await bodyOf('tenant.tls-show'))));
  });

  test('the key is sealed for this tenant and id, and opens with the key of the platform', async () => {
    const path = await tenant('tls-seal', 'tls-seal.test');
    const made = certificate('tls-seal.test');
    await succeed('PUT', `${path}/certificates/web`, specOf(made));
    const sealed = await sealedOf('tls-seal');
    const keys = new SecretsKeys([Buffer.alloc(32, 'test').toString('base64url')]);
    const place = { kind: 'certificate', tenantId: 'tls-seal', id: 'web' } as const;
    assert.deepEqual(keys.open(sealed, place), { ok: true, text: made.privateKey });
    assert.equal(keys.open(sealed, { ...place, tenantId: 'other' }).ok, false);
  });

  test('writing what is there changes nothing, though no key is sealed to the same text twice', async () => {
    const path = await tenant('tls-same', 'tls-same.test');
    const made = certificate('tls-same.test');
    const first = await succeed('PUT', `${path}/certificates/web`, specOf(made));
    const sealed = await sealedOf('tls-same');
    const chain = made.chain.replaceAll('\n', '\r\n');
    const again = await succeed('PUT', `${path}/certificates/web`, { ...specOf(made), chain });
    assert.deepEqual([again.status, again.body['revision']], [200, first.body['revision']]);
    assert.equal(await sealedOf('tls-same'), sealed);
  });

  test('a renewal with the same key needs none; with another one it does', async () => {
    const path = await tenant('tls-renew', 'tls-renew.test');
    const old = certificate('tls-renew.test');
    const missing = await send('PUT', `${path}/certificates/web`, { chain: old.chain });
    assert.deepEqual(faults(missing), [
      'privateKey: missing; no key is stored for this certificate',
    ]);
    await succeed('PUT', `${path}/certificates/web`, specOf(old));
    const sealed = await sealedOf('tls-renew');
    const renewed = makeCertificate({
      ...{ name: 'renewed', dnsNames: ['tls-renew.test'], keyOf: old, issuer: authority },
    });
    await succeed('PUT', `${path}/certificates/web`, { chain: renewed.chain });
    assert.equal(await sealedOf('tls-renew'), sealed);
    const other = certificate('tls-renew.test');
    const refused = await send('PUT', `${path}/certificates/web`, { chain: other.chain });
    assert.deepEqual(
      [refused.status, faults(refused)],
      [422, ['privateKey: missing; the key that is stored belongs to another certificate']],
    );
    await succeed('PUT', `${path}/certificates/web`, specOf(other));
    assert.notEqual(await sealedOf('tls-renew'), sealed);
  });

  test('what no edge could use is refused with path and rule, and nothing is stored', async () => {
    const path = await tenant('tls-bad', 'tls-bad.test');
    const good = certificate('tls-bad.test');
    const expired = makeCertificate({
      ...{ dnsNames: ['tls-bad.test'], notBefore: inHours(-3), notAfter: inHours(-2) },
    });
    const cases: readonly (readonly [object, RegExp])[] = [
      [
        { ...specOf(good), privateKey: certificate('x.test').privateKey },
        /^privateKey: is not the/,
      ],
      [specOf(expired), /^chain: the certificate has expired/],
      [specOf(certificate('foreign.test')), /^chain: none of its names \(foreign\.test\) lies/],
      [{ ...specOf(good), chain: good.pem + good.pem }, /^chain: certificate 2 .* did not issue/],
      [{ chain: 'x', privateKey: 'x' }, /^chain: must be PEM/],
      [{ privateKey: good.privateKey }, /^chain: missing/],
    ];
    for (const [spec, fault] of cases) {
      for (const query of ['', '?dryRun=true']) {
        const reply = await send('PUT', `${path}/certificates/web${query}`, spec);
        assert.equal(reply.status, 422);
        assert.match(faults(reply).join('\n'), fault);
        assert.doesNotMatch(JSON.stringify(reply.body), /BEGIN/);
      }
    }
    assert.deepEqual((await succeed('GET', `${path}/certificates`)).body['items'], []);
  });

  test('a bundle brings certificates, keeps those that it does not name, and needs no key that is stored', async () => {
    const path = await tenant('tls-apply', 'tls-apply.test');
    const made = certificate('tls-apply.test');
    const bundle = (certificates: object) => ({
      apiVersion: 'headgate/v1',
      tenants: {
        'tls-apply': { planId: 'base', identity: { hosts: ['tls-apply.test'] }, certificates },
      },
    });
    const actions = ({ body }: { body: Readonly<Record<string, unknown>> }) =>
      (body['changes'] as readonly Record<string, string>[])
        .filter(({ kind }) => kind === 'certificate')
        .map(({ action, id }) => `${String(action)} ${String(id)}`);
    const first = await succeed('POST', '/v1/apply', bundle({ web: specOf(made) }));
    assert.deepEqual(actions(first), ['create web']);
    assert.deepEqual(actions(await succeed('POST', '/v1/apply', bundle({}))), []);
    assert.equal((await send('GET', `${path}/certificates/web`)).status, 200);

    const exported = await succeed('GET', `/v1/export?limit=50&cursor=${JUST_BEFORE}`);
    const tenants = exported.body['tenants'] as Readonly<Record<string, { certificates: object }>>;
    const stored = tenants['tls-apply']?.certificates ?? {};
    assert.deepEqual(stored, { web: { chain: made.chain } });
    assert.deepEqual(actions(await succeed('POST', '/v1/apply', bundle(stored))), [
      'unchanged web',
    ]);
    assert.deepEqual(actions(await succeed('POST', '/v1/compare', bundle(stored))), [
      'unchanged web',
    ]);
    const another = bundle({ web: { chain: certificate('tls-apply.test').chain } });
    assert.deepEqual(actions(await succeed('POST', '/v1/compare', another)), ['update web']);
    const refused = await send('POST', '/v1/apply', another);
    assert.deepEqual(faults(refused), [
      'tenants.tls-apply.certificates.web.privateKey: missing; the key that is stored belongs to another certificate',
    ]);
    const bad = bundle({ one: { chain: 'x' }, two: specOf(certificate('foreign.test')) });
    assert.deepEqual(faults(await send('POST', '/v1/apply', bad)), [
      'tenants.tls-apply.certificates.one.chain: must be PEM that begins with the certificate',
    ]);
  });

  test('a rollback leaves certificates as they are; a tenant that comes back has its own again', async () => {
    const path = await tenant('tls-back', 'tls-back.test');
    const old = certificate('tls-back.test');
    const { body } = await succeed('PUT', `${path}/certificates/web`, specOf(old));
    const revision = body['revision'];
    const renewed = certificate('tls-back.test');
    await succeed('PUT', `${path}/certificates/web`, specOf(renewed));
    await succeed('POST', `${path}/rollback`, { revision });
    const kept = await succeed('GET', `${path}/certificates/web`);
    assert.equal(kept.body['chain'], renewed.chain);
    const sealed = await sealedOf('tls-back');
    await succeed('DELETE', path);
    const { items } = (await succeed('GET', `${path}/history`)).body;
    const before = (items as readonly { revision: number; deleted: boolean }[])[1];
    await succeed('POST', `${path}/rollback`, { revision: before?.revision });
    assert.equal(await sealedOf('tls-back'), sealed);
  });

  test('a rollout brings the certificate of its candidate', async () => {
    const path = await tenant('tls-roll', 'tls-roll.test');
    const made = certificate('tls-roll.test');
    const candidate = {
      ...{ planId: 'base', identity: { hosts: ['tls-roll.test'] } },
      certificates: { web: specOf(made) },
    };
    const rings = [{ name: 'canary', soakMs: 1000 }];
    await succeed('POST', `${path}/rollout`, { rings, candidate });
    const { certificates } = await bodyOf('rollout.tls-roll');
    assert.equal((certificates as readonly { chain: string }[])[0]?.chain, made.chain);
    await succeed('POST', `${path}/rollout/promote`, {});
    assert.equal((await succeed('GET', `${path}/certificates/web`)).body['chain'], made.chain);
  });

  test('no reply, no document, no row holds a private key, and no reply a sealed one', async () => {
    const path = await tenant('tls-secret', 'tls-secret.test');
    const keys: string[] = [];
    const replies: string[] = [];
    const note = async (...request: Parameters<Send>) => {
      const { headers, body } = await send(...request);
      replies.push(JSON.stringify([[...headers], body]));
      return body;
    };
    const revisions: unknown[] = [];
    for (const round of [1, 2]) {
      const made = certificate('tls-secret.test');
      keys.push(made.privateKey);
      const certificates = { web: specOf(made) };
      const key = { 'idempotency-key': `tls-secret-${round}` };
      await note('PUT', `${path}/certificates/web?dryRun=true`, specOf(made));
      revisions.push(
        (await note('PUT', `${path}/certificates/web`, specOf(made), key))['revision'],
      );
      const hosts = { identity: { hosts: ['tls-secret.test'] } };
      const tenants = { 'tls-secret': { planId: 'base', ...hosts, certificates } };
      const bundle = { apiVersion: 'headgate/v1', tenants };
      await note('POST', '/v1/apply?dryRun=true', bundle);
      await note('POST', '/v1/apply?declare=true', bundle);
      await note('POST', '/v1/compare', bundle);
      await note('POST', `${path}/certificates/web`, specOf(made));
      await note('PUT', `${path}/certificates/web`, { ...specOf(made), chain: made.privateKey });
      await note('PUT', `${path}/certificates/web`, { ...specOf(made), name: made.privateKey });
      await note('PUT', `${path}/certificates/web`, { ...specOf(made), key: made.privateKey });
      await note('PUT', `${path}/certificates/web`, JSON.stringify(made.privateKey));
      await note('PUT', `${path}/certificates/web`, `{"privateKey": "${made.privateKey}`);
    }
    const diff = `${path}/diff?from=${String(revisions[0])}&to=${String(revisions[1])}`;
    for (const asked of [
      ...[`${path}/certificates`, `${path}/certificates/web`, `${path}/history`, diff],
      ...revisions.map((revision) => `${path}/history/${String(revision)}`),
      ...[
        '/v1/audit?tenant=tls-secret',
        `/v1/export?limit=50&cursor=${JUST_BEFORE}`,
        '/v1/drift',
        '/v1/declaration',
      ],
    ]) {
      await note('GET', asked);
    }
    const { rows: tables } = await sql<{ name: string }>`
      select table_name as name from information_schema.tables where table_schema = 'public'
    `.execute(api().database.db);
    const stored: string[] = [];
    for (const { name } of tables) {
      const { rows } = await sql<{
        t: string;
      }>`select t::text as t from ${sql.table(name)} as t`.execute(api().database.db);
      stored.push(...rows.map(({ t }) => t));
    }
    assert.ok(stored.some((row) => row.includes('sealedPrivateKey')));
    assert.ok(replies.some((reply) => reply.includes('tls-secret.test')));
    const sealed = await sealedOf('tls-secret');
    for (const pem of keys) {
      const lines = pem.split('\n').slice(1, -2);
      for (const line of lines) {
        for (const text of [...replies, ...stored]) assert.ok(!text.includes(line), text);
      }
    }
    for (const reply of replies) {
      assert.ok(
        !reply.includes(sealed.slice(-40)) && !/v1\.[\w-]{12}\.[\w-]{40}/.test(reply),
        reply,
      );
    }
    await send('DELETE', '/v1/declaration');
  });

  test('when a certificate expires is known without a look at each of them', async () => {
    const path = await tenant('tls-expiry', 'tls-expiry.test');
    const nowMs = Date.now();
    const before = await api().store.certificateExpiry(nowMs);
    for (const [id, hours] of [
      ['soon', 12],
      ['week', 24 * 6],
      ['month', 24 * 29],
      ['year', 24 * 365],
    ] as const) {
      const made = makeCertificate({ dnsNames: ['tls-expiry.test'], notAfter: inHours(hours) });
      await succeed('PUT', `${path}/certificates/${id}`, specOf(made));
    }
    const after = await api().store.certificateExpiry(nowMs);
    assert.ok(Math.abs((after.soonestMs ?? 0) - inHours(12).getTime()) < 10_000);
    const added = after.within.map(({ days, count }, index) => [
      days,
      count - (before.within[index]?.count ?? 0),
    ]);
    assert.deepEqual(added, [
      [1, 1],
      [7, 2],
      [14, 2],
      [30, 3],
    ]);
    await succeed('DELETE', path);
  });
}
