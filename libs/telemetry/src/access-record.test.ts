import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  accessRecordLine,
  compileAccessTexts,
  endpointText,
  type AccessRecord,
} from './access-record.ts';

const record: AccessRecord = {
  timeMs: 1_790_000_000_000,
  requestId: 'r1',
  tenantId: 'acme',
  routeId: 'orders',
  principalId: null,
  tlsText: '',
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
  texts: null,
  endpointText: null,
};

/** What is told of a record: all but how it is written. */
function toldBy({ texts: _, endpointText: __, tlsText: ___, ...told }: AccessRecord) {
  return told;
}

test('a record of a request over TLS tells so after the address, and is otherwise as others', () => {
  const tlsText = '","tlsVersion":"TLSv1.3","tlsCipher":"TLS_AES_128_GCM_SHA256","sni":"a.test';
  const line = accessRecordLine('edge-1', { ...record, tlsText });
  assert.match(
    line,
    /"clientIp":"203\.0\.113\.7","tlsVersion":"TLSv1\.3",.*"sni":"a\.test","method":"GET"/,
  );
  const { tlsVersion, tlsCipher, sni, ...others } = JSON.parse(line) as Record<string, unknown>;
  assert.deepEqual([tlsVersion, tlsCipher, sni], ['TLSv1.3', 'TLS_AES_128_GCM_SHA256', 'a.test']);
  assert.deepEqual(others, JSON.parse(accessRecordLine('edge-1', record)));
});

test('a record is one JSON line with fixed keys and rounded times', () => {
  assert.equal(
    accessRecordLine('edge-1', record),
    '{"type":"access","nodeId":"edge-1","timeMs":1790000000000,"requestId":"r1","tenantId":"acme",' +
      '"routeId":"orders","principalId":null,"clientIp":"203.0.113.7","method":"GET",' +
      '"host":"api.acme.example","path":"/v1/orders","status":200,"code":null,' +
      '"proxyStatus":null,"durationMs":3.457,"limiterMs":null,"limitOutcome":null,"bytesIn":0,"bytesOut":280,"upstreamId":"orders",' +
      '"endpoint":"10.0.0.12:8080","attempts":1,"upstreamMs":2.900,"userAgent":"curl/8",' +
      '"traceId":null,"revision":42}\n',
  );
});

test('whatever the client sends, the record stays one line of printable ASCII JSON', () => {
  const text = fc.string({ unit: 'binary', maxLength: 80 });
  fc.assert(
    fc.property(text, text, text, (path, userAgent, proxyStatus) => {
      const line = accessRecordLine('edge-1', { ...record, path, userAgent, proxyStatus });
      assert.match(line, /^[ -~]*\n$/);
      const parsed = JSON.parse(line) as Record<string, unknown>;
      assert.deepEqual(
        [parsed['path'], parsed['userAgent'], parsed['proxyStatus']],
        [path, userAgent, proxyStatus],
      );
    }),
    { seed: 3, numRuns: 500 },
  );
});

test('times and codes of all kinds are what was recorded', () => {
  const times = fc.oneof(
    fc.nat({ max: 2 ** 52 }),
    fc.constantFrom(0, 1, 999, 1000, 1001, -1, 1_790_000_000_000, 1_790_000_000_000.5),
  );
  const codes = fc.constantFrom(null, 'HG_NO_ENDPOINT');
  const outcomes = fc.constantFrom(null, 'allowed', 'denied');
  const durations = fc.constantFrom(null, 0, 0.5);
  fc.assert(
    fc.property(times, codes, outcomes, durations, (timeMs, code, limitOutcome, limiterMs) => {
      const fields = { timeMs, code, limitOutcome, limiterMs, principalId: limitOutcome };
      const line = accessRecordLine('edge-1', { ...record, ...fields });
      assert.deepEqual(JSON.parse(line), {
        ...toldBy(record),
        ...fields,
        durationMs: 3.457,
        type: 'access',
        nodeId: 'edge-1',
      });
    }),
    { seed: 4, numRuns: 2000 },
  );
});

test('what records have in common is written ahead, and each one tells its own all the same', () => {
  const nullable = <Value>(values: fc.Arbitrary<Value>) => fc.option(values, { nil: null });
  const id = fc.constantFrom('acme', 'b-2', 'c');
  const ids = fc.record({
    tenantId: nullable(id),
    routeId: nullable(id),
    upstreamId: nullable(id),
    revision: nullable(fc.nat()),
  });
  const rest = fc.record({
    timeMs: fc.constantFrom(999, 1_790_000_000_000, 1_790_000_000_999, 1_790_000_001_000),
    principalId: nullable(id),
    method: fc.constantFrom('GET', 'HEAD', 'POST'),
    status: fc.constantFrom(0, 200, 204, 429, 502),
    code: nullable(fc.constantFrom('HG_LIMIT_EXCEEDED', 'HG_NO_ENDPOINT')),
    proxyStatus: nullable(fc.constantFrom('headgate; error=a', 'headgate; error=b')),
    limitOutcome: nullable(fc.constantFrom('admitted', 'denied', 'unavailable')),
    limiterMs: nullable(fc.constantFrom(0, 0.5)),
    bytesIn: fc.constantFrom(0, 7),
    bytesOut: fc.constantFrom(0, 7),
    endpoint: nullable(fc.constant('10.0.0.12:8080')),
    attempts: fc.constantFrom(0, 1, 2),
    upstreamMs: nullable(fc.constantFrom(0, 0.5, 2)),
    userAgent: nullable(fc.constant('curl/8')),
    traceId: nullable(fc.constant('0af7651916cd43dd8448eb211c80319c')),
  });
  const node = fc.constantFrom('edge-1', 'edge-2');
  fc.assert(
    fc.property(node, ids, rest, fc.boolean(), (nodeId, common, own, ahead) => {
      const texts = ahead ? compileAccessTexts(common) : null;
      const told = { ...toldBy(record), durationMs: 0.25, ...common, ...own };
      const line = accessRecordLine(nodeId, {
        ...told,
        tlsText: '',
        texts,
        endpointText: ahead ? endpointText(own.endpoint) : null,
      });
      assert.deepEqual(JSON.parse(line), { type: 'access', nodeId, ...told });
    }),
    { seed: 6, numRuns: 3000 },
  );
});

test('times are rounded to three decimals', () => {
  const times = fc.oneof(
    fc.double({ min: 0, max: 2e6, noNaN: true }),
    fc.double({ min: -10, max: 10, noNaN: true }),
    fc.constantFrom(0, 0.0004, 0.0005, 0.9996, 1, 1.05, 999.9999, 999_999.9996, 1e6, 1e9, -0.0001),
  );
  fc.assert(
    fc.property(times, (durationMs) => {
      const line = accessRecordLine('edge-1', { ...record, durationMs, upstreamMs: durationMs });
      const parsed = JSON.parse(line) as Record<string, unknown>;
      const rounded = Math.round(durationMs * 1000) / 1000;
      assert.ok(Object.is(parsed['durationMs'], rounded) || rounded === 0);
      assert.equal(parsed['upstreamMs'], parsed['durationMs']);
    }),
    { seed: 5, numRuns: 5000 },
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
