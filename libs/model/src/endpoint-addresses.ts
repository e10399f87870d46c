import { BlockList, isIP } from 'node:net';

const LOOPBACK = 'a loopback address';

/** Where no tenant's endpoint may be, unless the operator allows it; private networks are where most are. */
const REFUSED: readonly (readonly [what: string, ...ranges: (readonly [string, number])[]])[] = [
  [LOOPBACK, ['127.0.0.0', 8], ['::1', 128]],
  ['an unspecified address', ['0.0.0.0', 8], ['::', 128]],
  ['a link-local address', ['169.254.0.0', 16], ['fe80::', 10]],
  // Beside 169.254.169.254: of Alibaba, Azure, Oracle, AWS and Google.
  [
    'an address of cloud metadata',
    ...[['100.100.100.200', 32] as const, ['168.63.129.16', 32] as const],
    ...[['192.0.0.192', 32] as const, ['fd00:ec2::254', 128] as const],
    ['fd20:ce::254', 128],
  ],
  // RFC 8215: only the network knows where in it an IPv4 address stands, and which.
  ['an address of a local NAT64', ['64:ff9b:1::', 48]],
  ['no address of one host', ['224.0.0.0', 3], ['ff00::', 8]],
];

const LISTS = REFUSED.map(([what, ...ranges]) => {
  const list = new BlockList();
  for (const [address, bits] of ranges) addWithEmbedded(list, address, bits);
  return { what, list };
});

/** `localhost` and names below it are loopback addresses everywhere (RFC 6761, section 6.3). */
const LOOPBACK_NAME = /(?:^|\.)localhost$/;

/**
 * What is wrong with the host of an endpoint, such as "a loopback address"; null if nothing is, or if it is a name: only its addresses
 * can tell.
 *
 * @param isAllowed addresses that the operator allows.
 */
export function refusedEndpointHost(
  host: string,
  isAllowed: (address: string) => boolean,
): string | null {
  const version = isIP(host);
  if (version === 0) {
    if (!LOOPBACK_NAME.test(host) || isAllowed('127.0.0.1') || isAllowed('::1')) return null;
    return LOOPBACK;
  }
  const family = version === 4 ? 'ipv4' : 'ipv6';
  const found = LISTS.find(({ list }) => list.check(host, family));
  return found === undefined || isAllowed(host) ? null : found.what;
}

/**
 * What is wrong with the host of a URL that keys of JWTs are fetched from: where endpoints may not be, whoever wrote it, and in plain text
 * any address that the operator does not allow. Null if nothing is, or if it is a name: only its addresses can tell.
 */
export function refusedJwksHost(
  host: string,
  isPlain: boolean,
  isAllowed: (address: string) => boolean,
): string | null {
  const what = refusedEndpointHost(host, isAllowed);
  if (what !== null || !isPlain || isIP(host) === 0 || isAllowed(host)) return what;
  return 'an address that is not allowed for http://';
}

/** Whether an endpoint called `name` may not be at an address that the name was resolved to. */
export function isRefusedAddress(
  address: string,
  name: string,
  isAllowed: (address: string) => boolean,
): boolean {
  const what = refusedEndpointHost(address, isAllowed);
  // Only who may write loopback addresses could write this name for them.
  return what !== null && !(what === LOOPBACK && LOOPBACK_NAME.test(name));
}

/** An IPv4 range as well in the IPv6 addresses that lead to it. The list itself knows those of `::ffff:0:0/96`. */
function addWithEmbedded(list: BlockList, address: string, bits: number): void {
  if (isIP(address) === 6) return list.addSubnet(address, bits, 'ipv6');
  list.addSubnet(address, bits, 'ipv4');
  // IPv4-compatible (RFC 4291, section 2.5.5.1), NAT64 (RFC 6052) and SIIT (RFC 2765).
  for (const prefix of ['::', '64:ff9b::', '::ffff:0:'])
    list.addSubnet(prefix + address, 96 + bits, 'ipv6');
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
  const sixToFour = `2002:${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}::`;
  list.addSubnet(sixToFour, 16 + bits, 'ipv6');
}
