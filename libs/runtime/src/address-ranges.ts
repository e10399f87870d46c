import { BlockList, isIP } from 'node:net';
import { z } from 'zod';

/** Compiles addresses and CIDR ranges (`10.0.0.0/8`, `::1`) to a test. @throws Error naming a bad entry. */
export function compileAddressRanges(ranges: readonly string[]): (address: string) => boolean {
  if (ranges.length === 0) return () => false;
  const list = new BlockList();
  for (const range of ranges) addRange(list, range);
  return (address) => {
    const version = isIP(address);
    return version !== 0 && list.check(address, version === 4 ? 'ipv4' : 'ipv6');
  };
}

function addRange(list: BlockList, range: string): void {
  const [address = '', prefix, ...rest] = range.split('/');
  const version = isIP(address);
  const family = version === 4 ? 'ipv4' : 'ipv6';
  const bitsMax = version === 4 ? 32 : 128;
  const bits = prefix === undefined ? bitsMax : Number(prefix);
  const digits = prefix === undefined || /^\d{1,3}$/.test(prefix);
  if (version === 0 || rest.length > 0 || !digits || bits > bitsMax) {
    throw new Error(`${range}: must be an IP address or a CIDR range such as 10.0.0.0/8`);
  }
  list.addSubnet(address, bits, family);
}

/** Addresses and CIDR ranges of a variable, separated by commas. */
export const environmentAddressRanges = z
  .string()
  .transform((text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  )
  .superRefine((ranges, context) => {
    try {
      compileAddressRanges(ranges);
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : '' });
    }
  });
