import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { suite, test } from 'node:test';
import { inHours, makeCertificate, type KeyKind } from '@headgate/testkit';
import { Bundle, TenantBundle } from './bundle.ts';
import { CertificateSpec, coversName, servedHosts } from './certificate.ts';
import { describeFaults } from './faults.ts';
import { inspectCertificate } from './inspect-certificate.ts';
import { bundleFaults } from './integrity.ts';

const NOW_MS = Date.now();
const root = makeCertificate({ name: 'root', isAuthority: true });
const mid = makeCertificate({ name: 'mid', isAuthority: true, issuer: root });
const good = makeCertificate({ name: 'web', dnsNames: ['a.test', '*.b.test'], issuer: mid });
const { chain, privateKey } = good;

function faultsOf(spec: { chain?: string; privateKey?: string }): string[] {
  const inspected = inspectCertificate({ chain, privateKey, ...spec }, NOW_MS);
  return inspected.ok ? [] : inspected.faults.map(({ path, rule }) => `${path}: ${rule}`);
}

suite('a certificate', () => {
  test('tells its names, times and fingerprints; text around the PEM is dropped', () => {
    const noisy = `Bag Attributes\r\n${chain.replaceAll('\n', '\r\n')}\n# end`;
    const inspected = inspectCertificate({ chain: noisy, privateKey }, NOW_MS);
    assert.ok(inspected.ok);
    const { facts, chain: pem, privateKey: key } = inspected.certificate;
    assert.equal(facts.subject, 'CN=web');
    assert.deepEqual(facts.dnsNames, ['a.test', '*.b.test']);
    assert.ok(Date.parse(facts.notBefore) < NOW_MS && Date.parse(facts.notAfter) > NOW_MS);
    assert.match(facts.fingerprint + facts.keyFingerprint, /^[0-9a-f]{128}$/);
    assert.deepEqual([pem, key], [chain, privateKey]);
  });

  const kinds: readonly (readonly [KeyKind, RegExp | null])[] = [
    ...(['p256', 'p384', 'p521', 'ed25519', 'rsa2048', 'rsa4096'] as const).map(
      (kind) => [kind, null] as const,
    ),
    ['rsa1024', /^chain: the RSA key has 1024 bits; at least 2048/],
    ['rsa4104', /^chain: the RSA key has 4104 bits; at most 4096/],
    ['secp256k1', /^chain: the key must be RSA, EC on P-256/],
  ];
  for (const [keyKind, fault] of kinds) {
    test(`with a key of ${keyKind} is ${fault === null ? 'taken' : 'refused'}`, () => {
      const one = makeCertificate({ dnsNames: ['a.test'], keyKind });
      const faults = faultsOf({ chain: one.chain, privateKey: one.privateKey });
      assert.equal(faults.length, fault === null ? 0 : 1);
      if (fault !== null) assert.match(faults[0] ?? '', fault);
    });
  }

  const other = makeCertificate({ dnsNames: ['a.test'], issuer: mid });
  const late = makeCertificate({
    dnsNames: ['a.test'],
    notBefore: inHours(-2),
    notAfter: inHours(-1),
  });
  const nameless = makeCertificate();
  const odd = makeCertificate({ dnsNames: ['a b.test', 'x..y'] });
  const refused: readonly (readonly [string, Parameters<typeof faultsOf>[0], RegExp])[] = [
    ['no PEM', { chain: 'hello' }, /^chain: must be PEM that begins with the certificate$/],
    ['PEM of something else', { chain: chain.slice(0, 200) }, /^chain: must be PEM/],
    ['damaged', { chain: damage(good.pem) }, /^chain: certificate 1 of 1 cannot be read$/],
    ['in the wrong order', { chain: mid.pem + good.pem }, /certificate 2 \(CN=web\) did not issue/],
    ['with a foreign issuer', { chain: good.pem + root.pem }, /certificate 2 \(CN=root\) did not/],
    ['too long', { chain: good.pem.repeat(11) }, /^chain: has at most 10 certificates$/],
    ['expired', late, /^chain: the certificate has expired \(20/],
    ['without names', nameless, /^chain: the certificate must have DNS names/],
    ['with names of no host', odd, /^chain: the certificate must have DNS names/],
    ['with the key of another', { privateKey: other.privateKey }, /^privateKey: is not the key of/],
    ['with no key', { privateKey: 'x' }, /^privateKey: must be a private key in PEM$/],
    ['with the key in its chain', { chain: chain + privateKey }, /^chain: holds a private key;/],
  ];
  for (const [title, spec, fault] of refused) {
    test(`${title} is refused, and no value is shown`, () => {
      const faults = faultsOf({
        ...(spec.chain === undefined ? {} : { chain: spec.chain }),
        ...(spec.privateKey === undefined ? {} : { privateKey: spec.privateKey }),
      });
      assert.match(faults.join('\n'), fault);
      assert.doesNotMatch(faults.join(), /BEGIN|[A-Za-z0-9+/]{40}/);
    });
  }

  test('an encrypted key is refused with the reason', () => {
    const encrypted = good.key
      .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
      .toString();
    assert.deepEqual(faultsOf({ privateKey: encrypted }), [
      'privateKey: is encrypted; give it without a passphrase',
    ]);
  });

  suite('with an RSA key whose handshakes would hold up a worker', () => {
    const rsa = makeCertificate({ dnsNames: ['a.test'], keyKind: 'rsa2048' });
    const jwk = rsa.key.export({ format: 'jwk' });
    const { n = '' } = jwk;
    const large = Buffer.from(n, 'base64url').fill(0x7f, 0, 1).toString('base64url');
    const parts: readonly Readonly<Record<string, string>>[] = [
      ...[{ dp: large }, { dq: large }, { qi: large }, { dp: large, dq: large }],
      { p: n, q: 'AQ', dp: large },
    ];
    for (const part of parts) {
      test(`${Object.keys(part).join(', ')} as large as the modulus: refused`, () => {
        const key = createPrivateKey({ key: { ...jwk, ...part }, format: 'jwk' });
        const pem = key.export({ type: 'pkcs8', format: 'pem' }).toString();
        assert.deepEqual(faultsOf({ chain: rsa.chain, privateKey: pem }), [
          'privateKey: is damaged: its parts do not fit',
        ]);
      });
    }

    test('the public exponent has 40 bits: refused', () => {
      const key = createPrivateKey({ key: { ...jwk, e: 'gAAAAAE' }, format: 'jwk' });
      const one = makeCertificate({ dnsNames: ['a.test'], keyOf: { ...rsa, key }, issuer: mid });
      assert.deepEqual(faultsOf({ chain: one.chain, privateKey: one.privateKey }), [
        'chain: the exponent of the RSA key is too large',
      ]);
    });
  });

  test('the key of its issuer is told as what it is', () => {
    assert.match(faultsOf({ privateKey: mid.privateKey })[0] ?? '', /is the key of certificate 2/);
  });
});

test('a wildcard of a certificate stands for one label', () => {
  const names = ['a.test', '*.b.test'];
  const covered = ['a.test', 'x.b.test', 'b.test', 'y.x.b.test', 'x.a.test', '*.b.test', 'test'];
  assert.deepEqual(
    covered.map((host) => coversName(names, host)),
    [true, true, false, false, false, true, false],
  );
});

const SERVED: readonly (readonly [string[], string[], string[]])[] = [
  [['a.test'], ['a.test', 'b.test'], ['a.test']],
  [['*.a.test'], ['x.a.test', 'y.x.a.test', 'a.test'], ['x.a.test']],
  [['x.a.test', 'y.x.a.test'], ['*.a.test'], ['x.a.test', 'y.x.a.test']],
  [['*.a.test'], ['*.a.test', 'x.a.test'], ['*.a.test', 'x.a.test']],
  [['*.x.a.test'], ['*.a.test'], ['*.x.a.test']],
  [['*.a.test'], ['*.x.a.test'], []],
  [['a.test'], ['b.test', '*.a.test'], []],
];
for (const [names, hosts, served] of SERVED) {
  test(`names ${names.join(' ')} serve ${served.join(' ') || 'nothing'} of ${hosts.join(' ')}`, () => {
    assert.deepEqual(servedHosts(names, hosts), served);
  });
}

test('a list of 100 certificates with as many names as fit, for 256 hosts, holds up nobody', () => {
  const names = Array.from({ length: 2200 }, (_, index) => `n${index}.b.test`);
  const hosts = Array.from({ length: 256 }, (_, index) => `*.h${index}.test`);
  const startMs = performance.now();
  for (let round = 0; round < 100; round += 1) assert.deepEqual(servedHosts(names, hosts), []);
  const tookMs = performance.now() - startMs;
  assert.ok(tookMs < 1500, `${tookMs} ms`); // it was 4,000
});

test('a bundle is checked without a server: the certificate, and whether it serves a host of its tenant', () => {
  const bundle = (hosts: string[], certificate: object) =>
    Bundle.parse({
      apiVersion: 'headgate/v1',
      tenants: {
        acme: { planId: 'gold', identity: { hosts }, certificates: { web: certificate } },
      },
    });
  assert.deepEqual(bundleFaults(bundle(['x.b.test'], { chain, privateKey }), NOW_MS), []);
  assert.deepEqual(
    bundleFaults(bundle(['a.test'], { chain }), NOW_MS),
    [],
    'the key may be stored',
  );
  assert.deepEqual(bundleFaults(bundle(['c.test'], { chain, privateKey }), NOW_MS), [
    {
      path: 'tenants.acme.certificates.web.chain',
      rule: 'none of its names (a.test, *.b.test) lies within identity.hosts of the tenant',
    },
  ]);
  const foreign = { chain, privateKey: mid.privateKey };
  const [fault] = bundleFaults(bundle(['a.test'], foreign), NOW_MS);
  assert.equal(fault?.path, 'tenants.acme.certificates.web.privateKey');
});

test('no fault of a schema shows a private key', () => {
  const inputs: readonly (readonly [typeof CertificateSpec | typeof TenantBundle, unknown])[] = [
    [CertificateSpec, { chain, privateKey: privateKey.repeat(100) }],
    [CertificateSpec, { chain, privateKey: { pem: privateKey } }],
    [CertificateSpec, { chain: [privateKey], privateKey: [privateKey] }],
    [CertificateSpec, privateKey],
    [CertificateSpec, { chain: privateKey.repeat(300), name: privateKey }],
    [TenantBundle, { planId: 'gold', certificates: { web: privateKey } }],
    [TenantBundle, { planId: 'gold', certificates: [{ privateKey }] }],
    [TenantBundle, { planId: { privateKey: 'c2VjcmV0' } }],
  ];
  for (const [schema, input] of inputs) {
    const result = schema.safeParse(input);
    assert.ok(!result.success);
    const text = JSON.stringify(describeFaults(result.error, input));
    assert.doesNotMatch(text, /BEGIN PRIVATE|c2VjcmV0/);
    for (const line of privateKey.split('\n').slice(1, -2))
      assert.ok(!text.includes(line.slice(0, 20)));
  }
});

/** Changes a byte in the middle of the base64. */
function damage(pem: string): string {
  const lines = pem.split('\n');
  lines[1] = `A${(lines[1] ?? '').slice(2)}`;
  return lines.join('\n');
}
