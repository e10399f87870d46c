import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tenantPace, tenantRule } from '../test/limiter-harness.ts';
import { compileChain, limitHeadersOf, rateLimitHeaders } from './index.ts';
import { admittedVerdict, deniedVerdict, unavailableVerdict } from './verdict.ts';

const chain = compileChain('acme', [
  tenantRule({ limit: 100 }),
  tenantRule({ name: 'min', limit: 1200, windowMs: 60_000 }),
  tenantRule({ name: 'a "b" \\', level: 'key', scope: 'k', limit: 5, windowMs: 500 }),
]);

test('the two tightest policies, with what is left and when more comes', () => {
  const verdict = admittedVerdict('store', [99, 1199, 4], [1010, 60_900, 400], null);
  assert.equal(
    rateLimitHeaders(chain, verdict),
    'RateLimit-Policy: "a \\"b\\" \\\\";q=5, "min";q=1200;w=60\r\n' +
      'RateLimit: "a \\"b\\" \\\\";r=4;t=1, "min";r=1199;t=61\r\n',
  );
});

test('a denial shows the violated policy first and when to retry, at least a second', () => {
  const verdict = deniedVerdict(chain, 'deny_cache', 0, 12.5, [0, -1, -1], [12, 0, 0]);
  assert.equal(
    rateLimitHeaders(chain, verdict),
    'RateLimit-Policy: "sec";q=100;w=1, "a \\"b\\" \\\\";q=5\r\n' +
      'RateLimit: "sec";r=0;t=1\r\nRetry-After: 1\r\n',
  );
});

test('denials from memory tell their own times, whichever came before', () => {
  const tellOf = (index: number, resetMs: number, retryAfterMs: number): string => {
    const remaining = [-1, -1, -1].with(index, 0);
    const reset = [0, 0, 0].with(index, resetMs);
    return rateLimitHeaders(
      chain,
      deniedVerdict(chain, 'deny_cache', index, retryAfterMs, remaining, reset),
    ).replace(/^.*\r\n/, '');
  };
  const second = 'RateLimit: "sec";r=0;t=1\r\n';
  assert.equal(tellOf(0, 900, 950), `${second}Retry-After: 1\r\n`);
  assert.equal(tellOf(0, 900, 1020), `${second}Retry-After: 2\r\n`);
  assert.equal(tellOf(1, 59_100, 59_100), 'RateLimit: "min";r=0;t=60\r\nRetry-After: 60\r\n');
  assert.equal(tellOf(1, 58_900, 2e6), 'RateLimit: "min";r=0;t=59\r\nRetry-After: 2000\r\n');
  assert.equal(tellOf(0, 0.5, 0.5), `${second}Retry-After: 1\r\n`);
  assert.equal(tellOf(0, 1001, 1001), 'RateLimit: "sec";r=0;t=2\r\nRetry-After: 2\r\n');
});

test('nothing is claimed that is not known', () => {
  const never = deniedVerdict(chain, 'deny_cache', 2, Infinity, [-1, -1, -1], [0, 0, 0]);
  assert.doesNotMatch(rateLimitHeaders(chain, never), /RateLimit:|Retry-After/);
  assert.match(rateLimitHeaders(chain, unavailableVerdict('closed')), /^RateLimit-Policy: .*\r\n$/);
});

test('a rate shows its burst, which `r` may reach', () => {
  const paced = compileChain('acme', [tenantPace({ burst: 20 })]);
  assert.equal(
    rateLimitHeaders(paced, admittedVerdict('store', [19], [100], null)),
    'RateLimit-Policy: "pace";q=10;w=1;burst=20\r\nRateLimit: "pace";r=19;t=1\r\n',
  );
});

test('X-RateLimit fields tell the tightest policy whose usage is known, and Retry-After stays in every format', () => {
  const admitted = admittedVerdict('store', [99, 1199, 4], [1010, 60_900, 400], null);
  const legacy = 'X-RateLimit-Limit: 5\r\nX-RateLimit-Remaining: 4\r\nX-RateLimit-Reset: 1\r\n';
  assert.equal(limitHeadersOf('x-ratelimit')(chain, admitted), legacy);
  assert.equal(limitHeadersOf('both')(chain, admitted), legacy + rateLimitHeaders(chain, admitted));
  assert.equal(limitHeadersOf('ietf')(chain, admitted), rateLimitHeaders(chain, admitted));
  assert.equal(limitHeadersOf('off')(chain, admitted), '');
  const denied = deniedVerdict(chain, 'deny_cache', 1, 2500, [-1, 0, -1], [0, 59_100, 0]);
  assert.equal(limitHeadersOf('off')(chain, denied), 'Retry-After: 3\r\n');
  assert.equal(
    limitHeadersOf('x-ratelimit')(chain, denied),
    'X-RateLimit-Limit: 1200\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 60\r\nRetry-After: 3\r\n',
  );
  assert.equal(limitHeadersOf('x-ratelimit')(chain, unavailableVerdict('closed')), '');
});
