import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { before, suite, test } from 'node:test';
import { JwtAlgorithm, JwtIssuerSpec, PublicJwk } from '@headgate/model';
import {
  createSeededRandom,
  createTokenKey,
  unsignedToken,
  type TokenKey,
} from '@headgate/testkit';
import { CompactSign, SignJWT } from 'jose';
import { compileJwtRules, type JwtIdentity } from './check-jwt.ts';
import { KeySet, readKeySet } from './key-set.ts';
import { inlineKeys, type KeySource } from './remote-keys.ts';
import { TokenRealm, TokenVerifier, type TokenIssuer } from './token-verifier.ts';

const NOW_MS = 1_800_000_000_000;
const NOW_S = NOW_MS / 1000;
const ISSUER = 'https://login.example.com';
const AUDIENCE = 'https://api.example.com';
const CLAIMS = { iss: ISSUER, aud: AUDIENCE, sub: 'alice', exp: NOW_S + 300 };
const ALL = [...JwtAlgorithm.options];

type Issuer = TokenIssuer<JwtIdentity>;

const keySetOf = (...keys: readonly TokenKey[]): KeySet =>
  new KeySet(keys.map(({ jwk }) => PublicJwk.parse(jwk)));

function issuerOf(keys: KeySet | KeySource, changes: object = {}): Issuer {
  const spec = JwtIssuerSpec.parse({
    issuer: ISSUER,
    audiences: [AUDIENCE],
    algorithms: ALL,
    leewayMs: 0,
    jwksUri: 'https://login.example.com/jwks',
    ...changes,
  });
  const source = keys instanceof KeySet ? inlineKeys(keys) : keys;
  return { ...compileJwtRules(spec), keys: source, principalOf: (identity) => identity };
}

/** What becomes of a token that is seen for the first time. */
async function outcomeOf(token: string, issuer: Issuer, nowMs = NOW_MS): Promise<string> {
  const verifier = new TokenVerifier<JwtIdentity>();
  return (await verifier.verify(token, new TokenRealm('acme', 'login', [issuer]), nowMs)).outcome;
}

let key: TokenKey;
let rsa: TokenKey;
before(async () => {
  [key, rsa] = await Promise.all([createTokenKey('ES256'), createTokenKey('RS256')]);
});

suite('signatures', () => {
  for (const alg of JwtAlgorithm.options) {
    test(`${alg}: a token of the key is accepted, of another key refused, and if the algorithm is not taken`, async () => {
      const [own, other] = [await createTokenKey(alg), await createTokenKey(alg)];
      const issuer = issuerOf(keySetOf(own));
      assert.equal(await outcomeOf(await own.sign(CLAIMS), issuer), 'accepted');
      assert.equal(await outcomeOf(await other.sign(CLAIMS), issuer), 'invalid');
      const algorithms = ALL.filter((one) => one !== alg);
      const strict = issuerOf(keySetOf(own), { algorithms });
      assert.equal(await outcomeOf(await own.sign(CLAIMS), strict), 'invalid');
    });
  }

  test('a key is for its own algorithms only', async () => {
    const asPs = { ...rsa.jwk, alg: 'PS256' };
    assert.equal(
      await outcomeOf(await rsa.sign(CLAIMS), issuerOf(new KeySet([PublicJwk.parse(asPs)]))),
      'unknown_key',
    );
    const any: Record<string, unknown> = { ...rsa.jwk };
    delete any['alg'];
    const anyRsa = issuerOf(new KeySet([PublicJwk.parse(any)]));
    assert.equal(await outcomeOf(await rsa.sign(CLAIMS), anyRsa), 'accepted');
    // The same key, of which a token says that it is one of the elliptic curve.
    const [, claims = '', signature = ''] = (await rsa.sign(CLAIMS)).split('.');
    const header = Buffer.from('{"alg":"ES256","kid":"k1"}').toString('base64url');
    assert.equal(await outcomeOf(`${header}.${claims}.${signature}`, anyRsa), 'unknown_key');
  });

  test('signatures of the wrong length, of zeros, and in DER are refused', async () => {
    for (const alg of ['ES256', 'ES384', 'ES512', 'RS256', 'PS256', 'Ed25519']) {
      const own = await createTokenKey(alg);
      const issuer = issuerOf(keySetOf(own));
      const [header = '', claims = '', signature = ''] = (await own.sign(CLAIMS)).split('.');
      const bytes = Buffer.from(signature, 'base64url');
      const wrong = [
        ...[1, 2, 32, 63, 64, 65, 70, 72, 96, 128, 132, 256, 257, 512, 2000].map((length) =>
          Buffer.alloc(length),
        ),
        ...[bytes.subarray(1), bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.alloc(1)])],
        Buffer.concat([Buffer.alloc(1), bytes]),
        Buffer.concat([Buffer.from([0x30, bytes.length]), bytes]),
        Buffer.alloc(bytes.length, 0xff),
      ];
      for (const one of wrong) {
        const token = `${header}.${claims}.${one.toString('base64url')}`;
        assert.equal(await outcomeOf(token, issuer), 'invalid', `${alg}, ${one.length} bytes`);
      }
    }
  });
});

suite('T9: what is no token of ours', () => {
  const CASES: readonly (readonly [string, () => string | Promise<string>])[] = [
    ...['none', 'None', 'NONE', 'nOnE', '', 'HS256', 'HS512', 'es256', 'ES256K', 'dir'].flatMap(
      (alg) =>
        ['', 'AAAA'].map(
          (signature) =>
            [
              `alg "${alg}", signature "${signature}"`,
              () => unsignedToken({ alg, kid: 'k1' }, CLAIMS, signature),
            ] as const,
        ),
    ),
    [
      'HS256 with the public key as its secret',
      async () => {
        const pem = Buffer.from(JSON.stringify(rsa.jwk));
        return new SignJWT(CLAIMS).setProtectedHeader({ alg: 'HS256', kid: 'k1' }).sign(pem);
      },
    ],
    ['no alg', () => unsignedToken({ kid: 'k1' }, CLAIMS)],
    ['alg no text', () => unsignedToken({ alg: ['ES256'], kid: 'k1' }, CLAIMS)],
    ['crit that nobody knows', () => crit()],
    ['b64 false', () => unsignedToken({ alg: 'ES256', b64: false, crit: ['b64'] }, CLAIMS)],
    ['b64 without crit', () => key.sign(CLAIMS, { b64: true })],
    ['enc', () => key.sign(CLAIMS, { enc: 'A128GCM' })],
    ['zip', () => key.sign(CLAIMS, { zip: 'DEF' })],
    ['typ of a logout token', () => key.sign(CLAIMS, { typ: 'logout+jwt' })],
    ['typ no text', () => unsignedToken({ alg: 'ES256', typ: 7 }, CLAIMS)],
    ['kid no text', () => unsignedToken({ alg: 'ES256', kid: 7 }, CLAIMS)],
    ['kid null', () => unsignedToken({ alg: 'ES256', kid: null }, CLAIMS)],
    ['a kid of 257 characters', () => key.sign(CLAIMS, { kid: 'k'.repeat(257) })],
    ['four parts', async () => `${await key.sign(CLAIMS)}.AAAA`],
    ['five parts, as a JWE has', () => 'eyJhbGciOiJkaXIifQ.AAAA.AAAA.AAAA.AAAA'],
    ['two parts', async () => (await key.sign(CLAIMS)).replace(/\.[^.]*$/, '')],
    ['an empty signature', async () => (await key.sign(CLAIMS)).replace(/\.[^.]*$/, '.')],
    ['empty claims', async () => (await key.sign(CLAIMS)).replace(/\..*\./, '..')],
    [
      'JSON serialisation',
      async () => {
        const [header, payload, signature] = (await key.sign(CLAIMS)).split('.');
        return JSON.stringify({ protected: header, payload, signature });
      },
    ],
    ['padding', async () => `${await key.sign(CLAIMS)}=`],
    ['a blank in front', async () => ` ${await key.sign(CLAIMS)}`],
    ['a line feed behind', async () => `${await key.sign(CLAIMS)}\n`],
    [
      'base64 in place of base64url',
      () => unsignedToken('{"alg":"ES256","x":"~~~"}', CLAIMS, '++//'),
    ],
    ['a header that is no JSON', () => unsignedToken('alg', CLAIMS)],
    ['a header that is a list', () => unsignedToken('["ES256"]', CLAIMS)],
    ['claims that are no object', () => signText(JSON.stringify('alice'))],
    ['claims that are null', () => signText('null')],
    ['claims with a byte order mark', () => signText(`\ufeff${JSON.stringify(CLAIMS)}`)],
    ['claims that are no UTF-8', () => signText(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]))],
    ['claims nested in each other', () => signText(`{"a":${'['.repeat(40)}${']'.repeat(40)}}`)],
    ['more than 8,192 characters', () => key.sign({ ...CLAIMS, more: 'x'.repeat(8192) })],
    ['nothing', () => ''],
    ['dots', () => '..'],
  ];
  const signText = (claims: string | Uint8Array): Promise<string> =>
    new CompactSign(typeof claims === 'string' ? Buffer.from(claims) : claims)
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .sign(key.privateKey);
  /** What jose does not sign on its own. */
  const crit = (): Promise<string> =>
    new CompactSign(Buffer.from(JSON.stringify(CLAIMS)))
      .setProtectedHeader({ alg: 'ES256', kid: 'k1', crit: ['ours'], ours: 1 })
      .sign(key.privateKey, { crit: { ours: true } });

  for (const [title, make] of CASES) {
    test(`${title} is refused`, async () => {
      assert.equal(await outcomeOf(await make(), issuerOf(keySetOf(key, rsa))), 'invalid');
    });
  }

  test('keys that a token brings or points to are not looked at', async () => {
    const stranger = await createTokenKey('ES256', 'k1');
    const { jwk } = stranger;
    const brought = {
      jwk,
      jku: 'https://evil.example/jwks',
      x5u: 'https://evil.example/x',
      x5c: ['AAAA'],
    };
    const issuer = issuerOf(keySetOf(key));
    assert.equal(await outcomeOf(await stranger.sign(CLAIMS, brought), issuer), 'invalid');
    assert.equal(await outcomeOf(await key.sign(CLAIMS, brought), issuer), 'accepted');
  });

  test('types of access tokens are taken, in any case', async () => {
    for (const typ of ['JWT', 'jwt', 'at+jwt', 'application/at+JWT', 'application/jwt']) {
      assert.equal(
        await outcomeOf(await key.sign(CLAIMS, { typ }), issuerOf(keySetOf(key))),
        'accepted',
      );
    }
  });
});

suite('T10: which key', () => {
  test('a kid finds a key of the set or nothing', async () => {
    const issuer = issuerOf(keySetOf(key, rsa, await createTokenKey('ES256', 'k2')));
    for (const kid of [
      '',
      'K1',
      'k1 ',
      '../../dev/null',
      "' or 1=1 --",
      '__proto__',
      'constructor',
    ]) {
      assert.equal(await outcomeOf(await key.sign(CLAIMS, { kid }), issuer), 'unknown_key', kid);
    }
  });

  test('a token without kid is of the only key for its algorithm', async () => {
    const second = await createTokenKey('ES256', 'k2');
    const token = await key.sign(CLAIMS, { kid: undefined });
    assert.equal(await outcomeOf(token, issuerOf(keySetOf(key, rsa))), 'accepted');
    assert.equal(await outcomeOf(token, issuerOf(keySetOf(key, second))), 'unknown_key');
  });

  test('two keys of one kid for one algorithm are none; for two they are two', async () => {
    const twin = await createTokenKey('ES256', 'k1');
    assert.equal(
      await outcomeOf(await key.sign(CLAIMS), issuerOf(keySetOf(key, twin))),
      'unknown_key',
    );
    assert.equal(await outcomeOf(await key.sign(CLAIMS), issuerOf(keySetOf(key, rsa))), 'accepted');
  });

  test('of a fetched set only public keys for signatures count', async () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey;
    const curve = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey;
    const others = [
      { ...key.jwk, d: 'AAAA' },
      { ...key.jwk, use: 'enc' },
      { ...key.jwk, key_ops: ['sign'] },
      { ...key.jwk, x: key.jwk.y },
      { ...key.jwk, alg: 'ES384' },
      { kty: 'oct', kid: 'k1', k: 'c2VjcmV0' },
      { ...weak.export({ format: 'jwk' }), kid: 'k1' },
      { ...curve.export({ format: 'jwk' }), kid: 'k1' },
      { ...rsa.jwk, e: 'AQ' },
      { ...rsa.jwk, e: 'AQABAQAB' },
      null,
      'k1',
      [],
    ];
    const textOf = (keys: readonly unknown[]): string => JSON.stringify({ keys });
    assert.equal(readKeySet(textOf(others)), null);
    const set = readKeySet(textOf([...others, { ...key.jwk, x5c: ['AAAA'], ours: 1 }]));
    assert.equal(set?.size, 1);
    assert.equal(await outcomeOf(await key.sign(CLAIMS), issuerOf(set)), 'accepted');
    const many = Array.from({ length: 40 }, (_, count) => ({ ...key.jwk, kid: `k${count}` }));
    const bounded = readKeySet(textOf(many));
    assert.equal(bounded?.size, 32, 'as reading them takes time');
    assert.deepEqual(
      [bounded.find('k31', 'ES256') === null, bounded.find('k32', 'ES256')],
      [false, null],
    );
    for (const text of ['', '[]', '{}', '{"keys":{}}', '{"keys":[]}', '<html>']) {
      assert.equal(readKeySet(text), null, text);
    }
  });
});

suite('T11: what it says', () => {
  const CASES: readonly (readonly [string, object, string, object?])[] = [
    ['iss of somebody else', { iss: `${ISSUER}/` }, 'invalid'],
    ['no iss', { iss: undefined }, 'invalid'],
    ['iss in a list', { iss: [ISSUER] }, 'invalid'],
    ['aud of somebody else', { aud: 'https://api.example.com/' }, 'invalid'],
    ['no aud', { aud: undefined }, 'invalid'],
    ['aud of several', { aud: ['other', AUDIENCE] }, 'accepted'],
    ['aud of several others', { aud: ['other', 'another'] }, 'invalid'],
    ['aud of no texts', { aud: [AUDIENCE, 7] }, 'invalid'],
    ['an empty aud', { aud: [] }, 'invalid'],
    ['azp as required', { azp: 'app' }, 'accepted', { requiredClaims: { azp: 'app' } }],
    ['azp of another', { azp: 'other' }, 'invalid', { requiredClaims: { azp: 'app' } }],
    ['no azp', {}, 'invalid', { requiredClaims: { azp: 'app' } }],
    ['a required truth as text', { ok: 'true' }, 'invalid', { requiredClaims: { ok: true } }],
    ['a required truth', { ok: true }, 'accepted', { requiredClaims: { ok: true } }],
    ['a required name of all objects', {}, 'invalid', { requiredClaims: { constructor: 'x' } }],
    ['no exp', { exp: undefined }, 'invalid'],
    ['exp as text', { exp: String(NOW_S + 300) }, 'invalid'],
    ['exp null', { exp: null }, 'invalid'],
    ['exp now', { exp: NOW_S }, 'expired'],
    ['exp in a second', { exp: NOW_S + 1 }, 'accepted'],
    ['exp in a part of a second', { exp: NOW_S + 0.001 }, 'accepted'],
    ['exp as the leeway ends', { exp: NOW_S - 30 }, 'expired', { leewayMs: 30_000 }],
    ['exp within the leeway', { exp: NOW_S - 29 }, 'accepted', { leewayMs: 30_000 }],
    ['nbf now', { nbf: NOW_S }, 'accepted'],
    ['nbf in a second', { nbf: NOW_S + 1 }, 'early'],
    ['nbf as the leeway begins', { nbf: NOW_S + 30 }, 'accepted', { leewayMs: 30_000 }],
    ['nbf before the leeway', { nbf: NOW_S + 31 }, 'early', { leewayMs: 30_000 }],
    ['nbf as text', { nbf: '0' }, 'invalid'],
    ['iat as text', { iat: '0' }, 'invalid'],
    ['no consumer', { sub: undefined }, 'invalid'],
    ['an empty consumer', { sub: '' }, 'invalid'],
    ['a consumer of 255 characters', { sub: 'a'.repeat(255) }, 'accepted'],
    ['a consumer of 256 characters', { sub: 'a'.repeat(256) }, 'invalid'],
    ['a consumer of two lines', { sub: 'a\nb' }, 'invalid'],
    ['a consumer that is half a character', { sub: '\ud800' }, 'invalid'],
    ['a consumer by number', { uid: 7 }, 'accepted', { consumerClaim: 'uid' }],
    ['a consumer by an inherited name', {}, 'invalid', { consumerClaim: 'toString' }],
    ['scope no text', { scope: 7 }, 'invalid'],
  ];

  for (const [title, changes, expected, settings = {}] of CASES) {
    test(`${title}: ${expected}`, async () => {
      const token = await key.sign({ ...CLAIMS, ...changes });
      assert.equal(await outcomeOf(token, issuerOf(keySetOf(key), settings)), expected);
    });
  }

  test('claims that stand there twice are refused, at any depth and however they are written', async () => {
    const text = JSON.stringify(CLAIMS);
    const sign = (claims: string): Promise<string> =>
      new CompactSign(Buffer.from(claims))
        .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
        .sign(key.privateKey);
    const issuer = issuerOf(keySetOf(key));
    const cases: readonly (readonly [string, string])[] = [
      ['"sub":"root"', 'invalid'],
      ['"s\\u0075b":"root"', 'invalid'],
      ['"x":{"a":1,"a":1}', 'invalid'],
      ['"x":[{"a":1},{"b":1,"c":[],"b" : 2}]', 'invalid'],
      ['"x":{"sub":1},"y":["sub","sub","\\"sub\\":1"]', 'accepted'],
      ['"x":"\\\\","y":"\\"","z":"}","__proto__":1', 'accepted'],
      ['"x":[{"a":1},{"a":1}]', 'accepted'],
    ];
    for (const [more, expected] of cases) {
      assert.equal(
        await outcomeOf(await sign(text.replace('}', `,${more}}`)), issuer),
        expected,
        more,
      );
    }
  });

  test('scopes are those of scope, or else of scp, as text or list', async () => {
    const scopesOf = async (claims: object): Promise<readonly string[]> => {
      const verdict = await new TokenVerifier<JwtIdentity>().verify(
        await key.sign({ ...CLAIMS, ...claims }),
        new TokenRealm('acme', 'login', [issuerOf(keySetOf(key))]),
        NOW_MS,
      );
      assert.equal(verdict.outcome, 'accepted');
      return [...verdict.scopes];
    };
    assert.deepEqual(await scopesOf({}), []);
    assert.deepEqual(await scopesOf({ scope: ' read  write ' }), ['read', 'write']);
    assert.deepEqual(await scopesOf({ scp: ['read', 'write'] }), ['read', 'write']);
    assert.deepEqual(await scopesOf({ scp: 'read write' }), ['read', 'write']);
    assert.deepEqual(await scopesOf({ scope: 'read', scp: ['write'] }), ['read']);
  });
});

suite('issuers of a route', () => {
  test('the first counts whose iss and audience fit; keys of others do not help', async () => {
    const other = await createTokenKey('ES256');
    const [a, b] = [
      issuerOf(keySetOf(key), { audiences: ['a'] }),
      issuerOf(keySetOf(other), { audiences: ['b', 'both'] }),
    ];
    const realm = new TokenRealm('acme', 'login', [a, b]);
    const verifier = new TokenVerifier<JwtIdentity>();
    const verify = async (signer: TokenKey, aud: string): Promise<string> =>
      (await verifier.verify(await signer.sign({ ...CLAIMS, aud }), realm, NOW_MS)).outcome;
    assert.equal(await verify(key, 'a'), 'accepted');
    assert.equal(await verify(other, 'b'), 'accepted');
    assert.equal(await verify(key, 'b'), 'invalid');
    assert.equal(await verify(key, 'both'), 'invalid');
    assert.equal(await verify(other, 'a'), 'invalid');
  });

  test('without keys a token waits for them, one that can never be valid does not', async () => {
    const none: KeySource = { current: () => null, refresh: () => null };
    assert.equal(await outcomeOf(await key.sign(CLAIMS), issuerOf(none)), 'no_keys');
    const strict = issuerOf(none, { algorithms: ['RS256'] });
    assert.equal(await outcomeOf(await key.sign(CLAIMS), strict), 'invalid');
    const foreign = await key.sign({ ...CLAIMS, aud: 'x' });
    assert.equal(await outcomeOf(foreign, issuerOf(none)), 'invalid');
  });
});

suite('verified tokens are remembered', () => {
  test('until they expire, for the keys they were checked with, and for one revision of one tenant', async () => {
    let keys: KeySet | null = keySetOf(key);
    let looked = 0;
    const counted: Issuer = {
      ...issuerOf({ current: () => keys, refresh: () => null }),
      principalOf: (identity) => {
        looked += 1;
        return identity;
      },
    };
    const verifier = new TokenVerifier<JwtIdentity>(2);
    const realm = new TokenRealm('acme', 'login', [counted]);
    const token = await key.sign(CLAIMS);
    const outcomeAt = async (nowMs: number, of = realm): Promise<string> =>
      (await verifier.verify(token, of, nowMs)).outcome;
    assert.deepEqual(
      [await outcomeAt(NOW_MS), await outcomeAt(NOW_MS + 299_999)],
      ['accepted', 'accepted'],
    );
    assert.equal(looked, 1);
    assert.equal(await outcomeAt(NOW_MS + 300_000), 'expired');
    assert.equal(await outcomeAt(NOW_MS), 'accepted');
    assert.equal(looked, 2);
    const foreign = new TokenRealm('acme', 'login', [
      issuerOf(keySetOf(await createTokenKey('ES256'))),
    ]);
    assert.equal(await outcomeAt(NOW_MS, foreign), 'invalid');
    keys = keySetOf(key);
    assert.equal(await outcomeAt(NOW_MS), 'accepted');
    assert.equal(looked, 3);
    keys = keySetOf(rsa);
    assert.equal(await outcomeAt(NOW_MS), 'unknown_key');
    keys = null;
    assert.equal(await outcomeAt(NOW_MS), 'no_keys');
  });

  test('no more of them than the bound', async () => {
    const verifier = new TokenVerifier<JwtIdentity>(3);
    const realm = new TokenRealm('acme', 'login', [issuerOf(keySetOf(key))]);
    for (let count = 0; count < 10; count += 1) {
      const token = await key.sign({ ...CLAIMS, count });
      assert.equal((await verifier.verify(token, realm, NOW_MS)).outcome, 'accepted');
    }
    assert.equal(verifier.size, 3);
    for (const token of ['', 'a.b.c', await rsa.sign(CLAIMS)]) {
      assert.notEqual((await verifier.verify(token, realm, NOW_MS)).outcome, 'accepted');
    }
    assert.equal(verifier.size, 3);
  });
});

test('a token with very many scopes is taken each time, and takes no memory', async () => {
  const own = await createTokenKey('ES256');
  const realm = new TokenRealm('acme', 'login', [issuerOf(keySetOf(own))]);
  const verifier = new TokenVerifier<JwtIdentity>();
  for (const [count, kept] of [
    [1000, 0],
    [64, 1],
  ] as const) {
    const scope = Array.from({ length: count }, (_, index) => `s${index}`).join(' ');
    const token = await own.sign({ ...CLAIMS, scope });
    for (let round = 0; round < 2; round += 1) {
      const verdict = await verifier.verify(token, realm, NOW_MS);
      assert.ok(verdict.outcome === 'accepted' && verdict.scopes.size === count);
    }
    assert.equal(verifier.size, kept);
  }
});

suite('signatures that take long', () => {
  for (const alg of ['ES384', 'ES512']) {
    test(`${alg}: on other threads, a few of a tenant at a time, and remembered`, async () => {
      const own = await createTokenKey(alg);
      const realmOf = (tenantId: string, list: string) =>
        new TokenRealm(tenantId, list, [issuerOf(keySetOf(own))]);
      const realm = realmOf('acme', 'login');
      const verifier = new TokenVerifier<JwtIdentity>();
      const tokens = await Promise.all(
        Array.from({ length: 12 }, (_, count) => own.sign({ ...CLAIMS, count })),
      );
      const begun = tokens.map((token) => verifier.verify(token, realm, NOW_MS));
      assert.deepEqual(
        begun.map((one) => one instanceof Promise),
        tokens.map((_, index) => index < 8),
      );
      const [token = ''] = tokens;
      const otherList = verifier.verify(token, realmOf('acme', 'login partner'), NOW_MS);
      assert.ok(!(otherList instanceof Promise) && otherList.outcome === 'busy');
      const other = verifier.verify(token, realmOf('globex', 'login'), NOW_MS);
      assert.equal((await other).outcome, 'accepted');
      const outcomes = (await Promise.all(begun.map(async (one) => one))).map(
        ({ outcome }) => outcome,
      );
      assert.deepEqual(
        outcomes,
        tokens.map((_, index) => (index < 8 ? 'accepted' : 'busy')),
      );
      const again = verifier.verify(token, realm, NOW_MS);
      assert.ok(!(again instanceof Promise) && again.outcome === 'accepted');
      const late = verifier.verify(tokens.at(-1) ?? '', realm, NOW_MS);
      assert.ok(late instanceof Promise, 'there is room again');
      assert.equal((await late).outcome, 'accepted');
    });
  }
});

suite('any change of a valid token is refused', () => {
  const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ "';
  for (const alg of ['ES256', 'RS256', 'PS256', 'EdDSA']) {
    test(alg, async () => {
      const own = await createTokenKey(alg);
      const issuer = issuerOf(keySetOf(own));
      const realm = new TokenRealm('acme', 'login', [issuer]);
      const verifier = new TokenVerifier<JwtIdentity>();
      const token = await own.sign({ ...CLAIMS, scope: 'read', more: { a: [1, 2] } });
      assert.equal((await verifier.verify(token, realm, NOW_MS)).outcome, 'accepted');
      const random = createSeededRandom(9);
      const below = (end: number): number => Math.floor(random.next() * end);
      const any = (): string => ALPHABET[below(ALPHABET.length)] ?? '';
      for (let round = 0; round < 3000; round += 1) {
        // Every place once at least; the last characters of parts hold bits that stand for nothing.
        const at = round < token.length ? round : below(token.length);
        const edits = [
          () => token.slice(0, at) + any() + token.slice(at + 1),
          () => token.slice(0, at) + token.slice(at + 1),
          () => token.slice(0, at) + any() + token.slice(at),
          () => token.slice(0, at),
          () => token.slice(0, at) + token.slice(at, at + 8) + token.slice(at),
        ];
        const changed = edits[round < token.length ? 0 : below(edits.length)]?.() ?? '';
        if (changed === token) continue;
        const { outcome } = await verifier.verify(changed, realm, NOW_MS);
        assert.ok(outcome === 'invalid' || outcome === 'unknown_key', `${outcome}: ${changed}`);
      }
    });
  }
});
