import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRefusedAddress, refusedEndpointHost } from './endpoint-addresses.ts';

const none = () => false;

for (const [what, ...hosts] of [
  ['a loopback address', '127.0.0.1', '127.255.0.9', '::1', 'localhost', 'a.localhost'],
  ['a loopback address', '::ffff:127.0.0.1', '::ffff:7f00:1', '::127.0.0.1'],
  ['a loopback address', '64:ff9b::7f00:1', '2002:7f00:1::', '0:0:0:0:0:0:0:1'],
  ['a loopback address', '::ffff:0:127.0.0.1', '::ffff:0:7f00:1'],
  ['an address of a local NAT64', '64:ff9b:1::10.0.0.1', '64:ff9b:1:a9fe:a9:fe00::'],
  ['an unspecified address', '0.0.0.0', '0.1.2.3', '::', '::ffff:0.0.0.0'],
  ['a link-local address', '169.254.169.254', '169.254.0.1', 'fe80::1', 'febf::1'],
  ['a link-local address', '::ffff:a9fe:a9fe', '64:ff9b::169.254.169.254', '2002:a9fe:a9fe::1'],
  ['an address of cloud metadata', '100.100.100.200', '168.63.129.16', '192.0.0.192'],
  ['an address of cloud metadata', 'fd00:ec2::254', 'fd20:ce::254'],
  ['no address of one host', '224.0.0.1', '255.255.255.255', 'ff02::1'],
  [null, '10.0.0.1', '192.168.1.1', '172.16.0.1', '100.64.0.1', '203.0.113.7', '128.0.0.1'],
  [null, '2001:db8::1', 'fd00::1', '::ffff:10.0.0.1', '64:ff9b::10.0.0.1', 'fec0::1'],
  [null, '::ffff:0:10.0.0.1', '64:ff9b:2::1'],
  [null, 'api.internal', 'localhost.example.com', 'notlocalhost'],
] as const) {
  test(`${hosts.join(', ')}: ${what ?? 'nothing wrong'}`, () => {
    for (const host of hosts) assert.equal(refusedEndpointHost(host, none), what, host);
  });
}

test('what the operator allows is not refused, and nothing else is allowed with it', () => {
  const allowed = (address: string) => address === '127.0.0.1';
  assert.equal(refusedEndpointHost('127.0.0.1', allowed), null);
  assert.equal(refusedEndpointHost('localhost', allowed), null);
  assert.equal(refusedEndpointHost('127.0.0.2', allowed), 'a loopback address');
});

test('a name may not lead to a refused address, but localhost to this machine', () => {
  assert.ok(isRefusedAddress('169.254.169.254', 'metadata.example', none));
  assert.ok(isRefusedAddress('127.0.0.1', 'localhost.example', none));
  assert.ok(isRefusedAddress('169.254.169.254', 'localhost', none));
  assert.ok(!isRefusedAddress('::1', 'localhost', none));
  assert.ok(!isRefusedAddress('10.0.0.1', 'api.internal', none));
  assert.ok(!isRefusedAddress('127.0.0.1', 'me.example', (address) => address === '127.0.0.1'));
});
