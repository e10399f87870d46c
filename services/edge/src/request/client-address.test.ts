import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestParser } from '@headgate/http1';
import { clientAddress } from './client-address.ts';
import { RequestContext } from './request-context.ts';

const isTrusted = (address: string): boolean => address.startsWith('10.');

function addressOf(peer: string, ...forwarded: readonly string[]): string {
  const lines = forwarded.map((value) => `X-Forwarded-For: ${value}\r\n`).join('');
  const bytes = Buffer.from(`GET / HTTP/1.1\r\nHost: a.test\r\n${lines}\r\n`, 'latin1');
  const parser = new RequestParser();
  parser.parse(bytes, 0, bytes.length);
  const context = new RequestContext(parser.head);
  context.clientIp = peer;
  context.trustedSource = isTrusted(peer);
  return clientAddress(context, isTrusted);
}

const cases: readonly [string, string, readonly string[], string][] = [
  ['a peer that is not trusted is not heard', '192.0.2.7', ['198.51.100.1'], '192.0.2.7'],
  ['a trusted one is, for the last address', '10.0.0.1', ['198.51.100.9, 192.0.2.8'], '192.0.2.8'],
  ['through further proxies', '10.0.0.1', ['198.51.100.9, 192.0.2.8, 10.0.0.2'], '192.0.2.8'],
  ['over several lines', '10.0.0.1', ['198.51.100.9, 192.0.2.8', '10.0.0.2'], '192.0.2.8'],
  ['a port is cut off', '10.0.0.1', ['192.0.2.8:4711'], '192.0.2.8'],
  ['an IPv6 address with one, too', '10.0.0.1', ['[2001:db8::1]:4711'], '2001:db8::1'],
  ['what is no address ends the search', '10.0.0.1', ['192.0.2.8, unknown, 10.0.0.2'], '10.0.0.2'],
  ['white space of other kinds is no part of one', '10.0.0.1', ['192.0.2.8\u00a0'], '10.0.0.1'],
  ['spaces and tabs are left out', '10.0.0.1', ['10.0.0.3 ,\t192.0.2.8 '], '192.0.2.8'],
  ['without the header it is the peer', '10.0.0.1', [], '10.0.0.1'],
  ['if all are trusted it is the first', '10.0.0.1', ['10.0.0.3, 10.0.0.2'], '10.0.0.3'],
];

for (const [name, peer, forwarded, expected] of cases) {
  test(name, () => assert.equal(addressOf(peer, ...forwarded), expected));
}

test('no more than 16 proxies are looked through', () => {
  const hops = Array.from({ length: 40 }, (_, index) => `10.0.1.${index}`).join(', ');
  assert.equal(addressOf('10.0.0.1', `192.0.2.8, ${hops}`), '10.0.1.24');
});
