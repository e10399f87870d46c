import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ERRORS, type ErrorCode } from '@headgate/errors';
import { parseItem, Token } from 'structured-headers';
import { FAILURE_CODES, type UpstreamFailure } from '../upstream/failure.ts';
import { proxyStatus } from './proxy-status.ts';

/** The registry of proxy error types that RFC 9209 section 2.3 sets up. */
const REGISTERED = new Set(
  (
    'dns_timeout dns_error destination_not_found destination_unavailable destination_ip_prohibited ' +
    'destination_ip_unroutable connection_refused connection_terminated connection_timeout ' +
    'connection_read_timeout connection_write_timeout connection_limit_reached tls_protocol_error ' +
    'tls_certificate_error tls_alert_received http_request_error http_request_denied ' +
    'http_response_incomplete http_response_header_section_size http_response_header_size ' +
    'http_response_body_size http_response_trailer_section_size http_response_trailer_size ' +
    'http_response_transfer_coding http_response_content_coding http_response_timeout ' +
    'http_upgrade_failed http_protocol_error proxy_internal_response proxy_internal_error ' +
    'proxy_configuration_error proxy_loop_detected'
  ).split(' '),
);

function errorOf(member: string): string {
  const item: readonly unknown[] = parseItem(member);
  const [name, parameters] = item;
  assert.deepEqual(name, new Token('headgate'));
  assert.ok(parameters instanceof Map);
  const error: unknown = parameters.get('error');
  assert.ok(error instanceof Token);
  return error.toString();
}

suite('Proxy-Status', () => {
  test('is a structured field with a registered error type for every code and failure', () => {
    const codes = Object.keys(ERRORS) as ErrorCode[]; // the table has no other keys
    const failures = Object.keys(FAILURE_CODES) as UpstreamFailure[]; // nor has this one
    for (const code of codes) {
      for (const failure of [null, ...failures]) {
        const error = errorOf(proxyStatus(code, failure, 0));
        assert.ok(REGISTERED.has(error), `${code} ${failure}: ${error}`);
      }
    }
  });

  const some: readonly [ErrorCode, UpstreamFailure | null, string][] = [
    ['HG_HTTP_MALFORMED', null, 'http_request_error'],
    ['HG_LIMIT_EXCEEDED', null, 'http_request_denied'],
    ['HG_AUTH_INVALID', null, 'http_request_denied'],
    ['HG_TENANT_UNKNOWN', null, 'destination_not_found'],
    ['HG_CONFIG_QUARANTINED', null, 'proxy_configuration_error'],
    ['HG_UPSTREAM_UNKNOWN', null, 'proxy_configuration_error'],
    ['HG_EDGE_OVERLOADED', null, 'proxy_internal_response'],
    ['HG_UPSTREAM_LOOP', null, 'proxy_loop_detected'],
    ['HG_UPSTREAM_TIMEOUT', 'response_timeout', 'http_response_timeout'],
    ['HG_UPSTREAM_RESET', 'truncated', 'http_response_incomplete'],
    ['HG_UPSTREAM_NONE_AVAILABLE', 'connect_failed', 'connection_refused'],
    ['HG_UPSTREAM_CONNECT_FAILED', 'resolve_failed', 'dns_error'],
    ['HG_EDGE_OVERLOADED', 'edge_exhausted', 'proxy_internal_error'],
    ['HG_UPSTREAM_CONNECT_FAILED', 'address_refused', 'destination_ip_prohibited'],
  ];
  for (const [code, failure, error] of some) {
    test(`${code}, ${failure ?? 'no failure'}: ${error}`, () => {
      assert.equal(errorOf(proxyStatus(code, failure, 0)), error);
    });
  }

  test('tells the status that was received, if any', () => {
    const [, parameters] = parseItem(proxyStatus('HG_UPSTREAM_RESET', 'truncated', 200));
    assert.equal(parameters.get('received-status'), 200);
    assert.ok(!proxyStatus('HG_UPSTREAM_RESET', 'reset', 0).includes('received'));
  });
});
