import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogFormatter } from './log-format.ts';

const format = createLogFormatter(false);
const time = new Date(2026, 0, 2, 3, 4, 5, 67);

test('a log line shows time, component, level, message and the other fields', () => {
  const record = {
    ...{ level: 'info', time: time.toISOString(), service: 'edge', nodeId: 'edge-1' },
    ...{ tenants: 3, names: ['a', 'b'], zone: null, reason: 'no "x"', msg: 'synced' },
  };
  assert.deepEqual(format('edge-1', JSON.stringify(record)), {
    isAlarming: false,
    text: String.raw`03:04:05.067 edge-1         info   synced tenants=3 names=["a","b"] reason="no \"x\""`,
  });
});

test('an access record becomes one readable line', () => {
  const record = {
    ...{
      type: 'access',
      nodeId: 'edge-2',
      timeMs: time.getTime(),
      requestId: 'r1',
      tenantId: 'acme',
    },
    ...{
      routeId: 'web',
      principalId: null,
      clientIp: '127.0.0.1',
      method: 'GET',
      host: 'a.example',
    },
    ...{ path: '/hello', status: 429, code: 'HG_LIMIT_EXCEEDED', durationMs: 1.234, attempts: 1 },
    ...{ limitOutcome: 'denied', endpoint: null },
  };
  assert.equal(
    format('edge-2', JSON.stringify(record)).text,
    '03:04:05.067 edge-2         access GET a.example/hello 429 in 1.2 ms ' +
      'tenant=acme route=web code=HG_LIMIT_EXCEEDED limit=denied request=r1',
  );
});

test('an error is shown by its message and stack', () => {
  const err = {
    type: 'Error',
    message: 'broken pipe',
    stack: 'Error: broken pipe\n    at f (x.ts:1:2)',
  };
  const line = format('edge-1', JSON.stringify({ level: 'error', msg: 'lost', err }));
  assert.equal(line.isAlarming, true);
  assert.equal(
    line.text,
    `${' '.repeat(12)} edge-1         error  lost err="broken pipe"\n${' '.repeat(13)}at f (x.ts:1:2)`,
  );
});

test('lines that are not JSON stay as they are', () => {
  assert.equal(
    format('redis-server', '* Ready to accept connections').text,
    `${' '.repeat(12)} redis-server   * Ready to accept connections`,
  );
  assert.match(format('edge-1', '{broken').text, /\{broken$/);
});

test('control characters from clients never reach the terminal', () => {
  const evil = '\u001b[2J\r\u009b1m';
  const records = [
    { level: 'info', msg: evil, path: evil, [evil]: evil },
    { type: 'access', method: evil, host: evil, path: evil, requestId: evil, status: 200 },
    { level: 'error', msg: '', err: { message: evil, stack: `x\n    at ${evil}` } },
  ];
  for (const line of [...records.map((record) => JSON.stringify(record)), evil]) {
    const { text } = format('edge-1', line);
    assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  }
});

test('colours do not change the text', () => {
  const line = JSON.stringify({ level: 'warn', time: time.toISOString(), msg: 'slow', ms: 3 });
  const colored = createLogFormatter(true)('edge-1', line).text;
  assert.match(colored, /\u001b\[33mwarn/);
  assert.equal(colored.replace(/\u001b\[\d+m/g, ''), format('edge-1', line).text);
});

test('a long value is cut', () => {
  const { text } = format(
    'edge-1',
    JSON.stringify({ level: 'info', msg: 'm', v: 'x'.repeat(5000) }),
  );
  assert.ok(text.length < 300, text);
});
