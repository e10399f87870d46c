import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { accessRecordLine, type AccessRecord } from './access-record.ts';

const record: AccessRecord = {
  timeMs: 1_790_000_000_000,
  requestId: 'r1',
  tenantId: 'acme',
  routeId: 'orders',
  principalId: null,
  clientIp: '203.0.113.7',
  method: 'GET',
  host: 'api.acme.example',
  path: '/v1/orders',
  status: 200,
  code: null,
  proxyStatus: null,
  durationMs: 3.45678,
  limiterMs: null,
  limitOutcome: null,
  bytesIn: 0,
  bytesOut: 280,
  upstreamId: 'orders',
  endpoint: '10.0.0.12:8080',
  attempts: 1,
  upstreamMs: 2.9,
  userAgent: 'curl/8',
  traceId: null,
  revision: 42,
};

test('a record is one JSON line with fixed keys and rounded times', () => {
  assert.equal(
    accessRecordLine('edge-1', record),
    '{"type":"access","nodeId":"edge-1","timeMs":1790000000000,"requestId":"r1","tenantId":"acme",' +
      '"routeId":"orders","principalId":null,"clientIp":"203.0.113.7","method":"GET",' +
      '"host":"api.acme.example","path":"/v1/orders","status":200,"code":null,' +
      '"proxyStatus":null,"durationMs":3.457,"limiterMs":null,"limitOutcome":null,"bytesIn":0,"bytesOut":280,"upstreamId":"orders",' +
      '"endpoint":"10.0.0.12:8080","attempts":1,"upstreamMs":2.9,"userAgent":"curl/8",' +
      '"traceId":null,"revision":42}\n',
  );
});

test('whatever the client sends, the record stays one line of printable ASCII JSON', () => {
  const text = fc.string({ unit: 'binary', maxLength: 80 });
  fc.assert(
    fc.property(text, text, text, text, (method, host, path, userAgent) => {
      const line = accessRecordLine('edge-1', { ...record, method, host, path, userAgent });
      assert.match(line, /^[ -~]*\n$/);
      const parsed = JSON.parse(line) as Record<string, unknown>;
      assert.deepEqual(
        [parsed['method'], parsed['host'], parsed['path'], parsed['userAgent']],
        [method, host, path, userAgent],
      );
    }),
    { seed: 3, numRuns: 500 },
  );
});

test('a user agent of 1 MB that needs escapes leaves a short record', () => {
  const userAgent = '\u2028'.repeat(1_000_000);
  const path = `/${'a'.repeat(100_000)}`;
  const line = accessRecordLine('edge-1', { ...record, userAgent, path });
  assert.ok(line.length < 4096, `${line.length}`);
  const parsed = JSON.parse(line) as Record<string, string>;
  assert.equal(parsed['userAgent']?.length, 257);
  assert.equal(parsed['path']?.length, 1025);
});
