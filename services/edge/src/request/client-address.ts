import { isIP } from 'node:net';
import type { RequestContext } from './request-context.ts';
import { isBlank, joinedValues } from './via.ts';

/** Proxies in front of each other that are looked through. */
const HOPS_MAX = 16;

/**
 * The address that a request came from: the peer's, or, if that is a trusted source, the last address of
 * `X-Forwarded-For` that is not one itself. What stands before that address was said by the client, and is not heard.
 */
export function clientAddress(
  { head, clientIp, trustedSource }: RequestContext,
  isTrusted: (address: string) => boolean,
): string {
  if (!trustedSource) return clientIp;
  const hops = (joinedValues(head, 'x-forwarded-for') ?? '').split(',').slice(-HOPS_MAX);
  let found = clientIp;
  for (let index = hops.length - 1; index >= 0; index -= 1) {
    const address = withoutPort(withoutBlanks(hops[index] ?? ''));
    if (isIP(address) === 0) break;
    found = address;
    if (!isTrusted(address)) break;
  }
  return found;
}

/** Some proxies write `192.0.2.1:4711` or `[2001:db8::1]:4711`. */
function withoutPort(hop: string): string {
  if (hop.startsWith('[')) return hop.slice(1, hop.indexOf(']'));
  const colon = hop.indexOf(':');
  return colon !== -1 && colon === hop.lastIndexOf(':') ? hop.slice(0, colon) : hop;
}

/** Without blanks around it; trim() would take what is none in HTTP. */
function withoutBlanks(text: string): string {
  let [from, to] = [0, text.length];
  while (from < to && isBlank(text, from)) from += 1;
  while (to > from && isBlank(text, to - 1)) to -= 1;
  return text.slice(from, to);
}
