import assert from 'node:assert/strict';
import { SocketAddress, isIPv6 } from 'node:net';
import { test } from 'node:test';
import { seededRandom } from '../test/random.ts';
import { canonicalIpv6 } from './ipv6.ts';

const forms: readonly (readonly [string, string | null])[] = [
  ['::', '::'],
  ['::1', '::1'],
  ['1::', '1::'],
  ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
  ['1:0:0:2:3:0:0:4', '1::2:3:0:0:4'],
  ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
  ['2001:0DB8::00ff', '2001:db8::ff'],
  ['::ffff:192.0.2.1', '::ffff:c000:201'],
  ['1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:102:304'],
  ['', null],
  [':', null],
  [':::', null],
  ['1::2::3', null],
  ['1:2:3:4:5:6:7', null],
  ['1:2:3:4:5:6:7:8:9', null],
  ['12345::', null],
  ['g::', null],
  ['::1.2.3', null],
  ['::1.2.3.4.5', null],
  ['::1.2.3.256', null],
  ['::01.2.3.4', null],
  ['1.2.3.4::', null],
  ['::1%lo', null],
];

for (const [text, canonical] of forms) {
  test(`"${text}" is ${canonical ?? 'no address'}`, () => {
    assert.equal(canonicalIpv6(text), canonical);
  });
}

test('what is accepted is an address to node:net too, and the same one', () => {
  const random = seededRandom(6);
  const parts = ['0', '0', '1', 'ab', 'FFFF', '', ':', ':', '1.2.3.4', '00'];
  for (let i = 0; i < 20_000; i++) {
    let text = parts[random(parts.length)] ?? '';
    for (let more = random(9); more > 0; more--) text += `:${parts[random(parts.length)]}`;
    const canonical = canonicalIpv6(text);
    assert.equal(canonical !== null, isIPv6(text), text);
    if (canonical === null) continue;
    const address = new SocketAddress({ address: text, family: 'ipv6' });
    const same = new SocketAddress({ address: canonical, family: 'ipv6' });
    assert.equal(address.address, same.address, text);
  }
});
