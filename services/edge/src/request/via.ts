import type { HeaderBlock } from '@headgate/http1';

/** Name of this proxy in `Via` (RFC 9110 section 7.6.3): a pseudonym, no host name. */
const PSEUDONYM = 'headgate';

/** By the minor version of the message received. */
const OWN_LINES = [`Via: 1.0 ${PSEUDONYM}\r\n`, `Via: 1.1 ${PSEUDONYM}\r\n`] as const;

/** The same and the name of the header that follows it in the heads that an edge writes: one piece of text instead of two. */
const OWN_LINES_AND_ID = OWN_LINES.map((line) => `${line}X-Request-Id: `);

/** {@link viaLine}, and `X-Request-Id: `. @hot */
export function viaLineAndIdName(head: HeaderBlock, minorVersion: 0 | 1): string {
  if (head.indexOf('via') === -1) return OWN_LINES_AND_ID[minorVersion] ?? '';
  return viaLine(head, minorVersion) + 'X-Request-Id: ';
}

/** The `Via` line with CRLF that follows the proxies before this one. @param minorVersion of the message received. @hot */
export function viaLine(head: HeaderBlock, minorVersion: 0 | 1): string {
  const before = joinedValues(head, 'via');
  if (before === null) return OWN_LINES[minorVersion];
  return `Via: ${before}, 1.${minorVersion} ${PSEUDONYM}\r\n`;
}

/**
 * Edges that may pass a request on one after the other. Tiers of gateways are two or three; an endpoint that is the edge
 * itself, or leads back to it, would have a request go round until its head overflows.
 */
const OWN_HOPS_MAX = 5;

/** Whether a request has been through so many edges that it goes in a circle. @hot */
export function goesInCircles(head: HeaderBlock): boolean {
  const via = joinedValues(head, 'via');
  return via !== null && ownHops(via) >= OWN_HOPS_MAX;
}

/** How often a value of `Via` names this proxy: `1.1 headgate`, and nothing else than a comment up to the next comma. */
function ownHops(value: string): number {
  let hops = 0;
  let at = value.indexOf(PSEUDONYM);
  while (at !== -1) {
    const end = at + PSEUDONYM.length;
    if (
      isBlank(value, at - 1) &&
      (end === value.length || value[end] === ',' || isBlank(value, end))
    )
      hops += 1;
    at = value.indexOf(PSEUDONYM, end);
  }
  return hops;
}

/** The white space of HTTP: no other, such as U+00A0. */
export function isBlank(value: string, index: number): boolean {
  return value[index] === ' ' || value[index] === '\t';
}

/** All values of a list header as one (RFC 9110 section 5.3); null if there is none. @hot */
export function joinedValues(head: HeaderBlock, lowerName: string): string | null {
  const first = head.indexOf(lowerName);
  if (first === -1) return null;
  if (head.count(lowerName) === 1) return head.value(first);
  let joined = head.value(first);
  for (let index = first + 1; index < head.headerCount; index += 1) {
    if (head.name(index).toLowerCase() === lowerName) joined += ', ' + head.value(index);
  }
  return joined;
}
