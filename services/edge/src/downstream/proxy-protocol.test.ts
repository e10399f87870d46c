import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseProxyHeader } from './proxy-protocol.ts';

const SIGNATURE = '0d0a0d0a000d0a515549540a';
const IPV4_BLOCK = 'c0000201' + 'c6336401' + '1f90' + '01bb';
const IPV6_BLOCK =
  '20010db8000000000000000000000001' + '20010db8000000000000000000000002' + '1f9001bb';

/** A header of version and command, family and payload, all in hex; the length is added unless given. */
function header(command: string, family: string, payload: string, length?: number): Buffer {
  const bytes = (length ?? payload.length / 2).toString(16).padStart(4, '0');
  return Buffer.from(SIGNATURE + command + family + bytes + payload, 'hex');
}

/** A type-length-value field. */
const tlv = (type: string, value: string): string =>
  type + (value.length / 2).toString(16).padStart(4, '0') + value;

const accepted: readonly [string, Buffer, string | null][] = [
  ['TCP over IPv4', header('21', '11', IPV4_BLOCK), '192.0.2.1'],
  ['TCP over IPv6', header('21', '21', IPV6_BLOCK), '2001:db8::1'],
  [
    'IPv4 mapped to IPv6',
    header('21', '21', `${'0'.repeat(20)}ffffc0000201${IPV6_BLOCK.slice(32)}`),
    '192.0.2.1',
  ],
  ['the unspecified address', header('21', '21', '0'.repeat(72)), '::'],
  [
    'TLVs behind the addresses',
    header('21', '11', IPV4_BLOCK + tlv('ea', '0102') + tlv('04', '')),
    '192.0.2.1',
  ],
  ['LOCAL without addresses', header('20', '00', ''), null],
  ['LOCAL with addresses, which do not count', header('20', '11', IPV4_BLOCK), null],
  ['an unspecified family', header('21', '00', 'aabbcc'), null],
];

const refused: readonly [string, Buffer][] = [
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\n')],
  ['version 1', Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.1 8080 443\r\n')],
  ['another version', header('11', '11', IPV4_BLOCK)],
  ['another command', header('22', '11', IPV4_BLOCK)],
  ['UDP', header('21', '12', IPV4_BLOCK)],
  ['a Unix socket', header('21', '31', '00'.repeat(216))],
  ['an address block that is too short', header('21', '11', IPV4_BLOCK.slice(0, -2))],
  ['an IPv4 block as IPv6', header('21', '21', IPV4_BLOCK)],
  ['a TLV longer than the rest', header('21', '11', `${IPV4_BLOCK}04ffff00`)],
  ['half a TLV head', header('21', '11', `${IPV4_BLOCK}0400`)],
  ['more than anybody sends', header('21', '11', IPV4_BLOCK, 0xffff)],
];

suite('PROXY protocol', () => {
  for (const [title, bytes, address] of accepted) {
    test(`${title} is accepted, wherever it lies and however it is split`, () => {
      const expected = { bytes: bytes.length, address };
      assert.deepEqual(parseProxyHeader(bytes, 0, bytes.length), expected);
      const within = Buffer.concat([Buffer.from('xx'), bytes, Buffer.from('GET /')]);
      assert.deepEqual(parseProxyHeader(within, 2, within.length), expected);
      for (let length = 0; length < bytes.length; length += 1) {
        assert.equal(parseProxyHeader(bytes, 0, length), 'incomplete', `${length} bytes`);
      }
    });
  }

  for (const [title, bytes] of refused) {
    test(`${title} is refused`, () => {
      assert.equal(parseProxyHeader(bytes, 0, bytes.length), 'invalid');
    });
  }

  test('a length that nobody sends is refused before its bytes come', () => {
    assert.equal(parseProxyHeader(header('21', '11', '', 0xffff), 0, 16), 'invalid');
  });
});
