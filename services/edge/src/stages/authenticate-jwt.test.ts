import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { test } from 'node:test';
import { compileJwtRules, TokenRealm, TokenVerifier } from '@headgate/auth';
import { RequestParser } from '@headgate/http1';
import { JwtIssuerSpec } from '@headgate/model';
import { createTokenKey } from '@headgate/testkit';
import { Turns } from '../jwt/turns.ts';
import { RequestContext } from '../request/request-context.ts';
import type { Principal } from '../snapshot/compile-tenant.ts';
import { authenticateJwt } from './authenticate-jwt.ts';

function contextOf(token: string): RequestContext {
  const parser = new RequestParser();
  const text = `GET / HTTP/1.1\r\nHost: a.test\r\nAuthorization: Bearer ${token}\r\n\r\n`;
  assert.ok(parser.parse(Buffer.from(text), 0, text.length) > 0, parser.fault?.code ?? '');
  return new RequestContext(parser.head);
}

test('of many tokens that have waited for keys a few are verified in each turn of the loop', async () => {
  const key = await createTokenKey('ES256');
  const fetched = Promise.withResolvers<void>();
  const spec = JwtIssuerSpec.parse({
    ...{ issuer: 'https://login.test', audiences: ['api'], jwksUri: 'https://login.test/jwks' },
  });
  let looks = 0;
  const keys = {
    current: () => {
      looks += 1;
      return null;
    },
    refresh: () => fetched.promise,
  };
  const issuer = {
    ...compileJwtRules(spec),
    keys,
    principalOf: (): Principal => assert.fail('no token is valid'),
  };
  const realm = new TokenRealm('acme', 'login', [issuer]);
  const token = await key.sign({ iss: 'https://login.test', aud: 'api', sub: 'alice', exp: 1 });
  const deps = { tokens: new TokenVerifier<Principal>(), turns: new Turns(setImmediate) };
  const waiting = Array.from({ length: 100 }, () =>
    authenticateJwt(contextOf(token), { realm, scopes: [], scopeChallenge: '' }, deps),
  );
  assert.equal(looks, 100);
  fetched.resolve();
  const perTurn: number[] = [];
  while (looks < 200) {
    const before = looks;
    await nextTurn();
    if (looks > before) perTurn.push(looks - before);
  }
  assert.ok(Math.max(...perTurn) <= 16, String(perTurn));
  for (const one of waiting) {
    assert.ok(one instanceof Promise);
    assert.equal((await one).outcome, 'no_keys');
  }
});
