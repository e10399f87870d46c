import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectFailure, FAILURE_CODES, failureReply, type UpstreamFailure } from './failure.ts';

const up = { isHealthy: () => true };
const down = { isHealthy: () => false };

const rows: readonly [UpstreamFailure, readonly { isHealthy(): boolean }[], number, string][] = [
  ['connect_failed', [up, down], 502, ''],
  ['connect_failed', [down, down], 503, 'Retry-After: 1\r\n'],
  ['connect_timeout', [down], 503, 'Retry-After: 1\r\n'],
  ['resolve_failed', [down], 503, 'Retry-After: 1\r\n'],
  ['address_refused', [up], 502, ''],
  ['none_available', [], 503, 'Retry-After: 1\r\n'],
  ['overloaded', [up], 503, 'Retry-After: 1\r\n'],
  ['edge_exhausted', [down], 503, 'Retry-After: 1\r\n'],
  ['reset', [down], 502, ''],
  ['response_timeout', [down], 504, ''],
  ['idle_timeout', [up], 504, ''],
  ['malformed', [up], 502, ''],
  ['truncated', [up], 502, ''],
];

for (const [failure, endpoints, status, headers] of rows) {
  test(`${failure} with ${endpoints.filter((one) => one === up).length} endpoints up: ${status}`, () => {
    const reply = failureReply(failure, endpoints);
    assert.deepEqual([reply.status, reply.headers], [status, headers]);
  });
}

test('every failure has a row', () => {
  assert.deepEqual(new Set(rows.map(([failure]) => failure)), new Set(Object.keys(FAILURE_CODES)));
});

const errors: readonly [string, string, UpstreamFailure][] = [
  ['connect', 'ECONNREFUSED', 'connect_failed'],
  ['connect', 'EHOSTUNREACH', 'connect_failed'],
  ['connect', 'ENETUNREACH', 'connect_failed'],
  ['getaddrinfo', 'ENOTFOUND', 'resolve_failed'],
  ['getaddrinfo', 'EMFILE', 'edge_exhausted'],
  ['getaddrinfo', 'EAI_MEMORY', 'edge_exhausted'],
  ...['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOMEM', 'ENOBUFS'].map(
    (code): [string, string, UpstreamFailure] => ['connect', code, 'edge_exhausted'],
  ),
];
for (const [syscall, code, failure] of errors) {
  test(`${syscall} that fails with ${code}: ${failure}`, () => {
    assert.equal(connectFailure(Object.assign(new Error(code), { code, syscall })), failure);
  });
}
