const ABSOLUTE = /^https?:\/\/([^/?]*)/i;

/** A request as some parser understood it, in the terms in which parsers are compared. */
export interface ReadRequest {
  readonly method: string;
  /** As the parser gives it. */
  readonly target: string;
  /** Canonical by {@link canonicalHost}. */
  readonly host: string;
  readonly headers: readonly (readonly [string, string])[];
  /** Body without transfer coding, latin1. */
  readonly body: string;
}

/** What became of a byte stream under some parser. */
export interface ReadStream {
  /** Complete requests in their order. */
  readonly requests: readonly ReadRequest[];
  /** Why reading stopped; null if everything was read, apart from a last request that is incomplete. */
  readonly fault: string | null;
}

/** The form in which hosts are compared: case, one trailing dot and the spelling of IPv6 make no difference. */
export function canonicalHost(host: string): string {
  const lower = host.toLowerCase();
  const ipv6 = /^\[[0-9a-f:.]+\]/.exec(lower)?.[0];
  if (ipv6 === undefined) return lower.replace(/\.(?=$|:\d+$)/, '');
  const url = URL.parse(`http://${ipv6}`);
  return url === null ? lower : url.hostname + lower.slice(ipv6.length);
}

/**
 * The form in which targets are compared: absolute-form loses what the Host field repeats, and escapes in the path that
 * RFC 3986 section 6.2.2 calls equivalent are written in one way.
 */
function canonicalTarget(method: string, target: string): string {
  const origin = originForm(method, target);
  const query = origin.indexOf('?');
  const path = query === -1 ? origin : origin.slice(0, query);
  const normal = path.replace(/%([0-9A-Fa-f]{2})/g, (escape: string, hex: string) => {
    const char = String.fromCharCode(Number.parseInt(hex, 16));
    return /[A-Za-z0-9\-._~]/.test(char) ? char : escape.toUpperCase();
  });
  return query === -1 ? normal : normal + origin.slice(query);
}

/** RFC 9112 section 3.2.4: an absolute-form without path is `*` to OPTIONS. */
function originForm(method: string, target: string): string {
  const absolute = ABSOLUTE.exec(target);
  if (absolute === null) return target;
  const rest = target.slice(absolute[0].length);
  if (rest === '' && method === 'OPTIONS') return '*';
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** A host named by the target alone counts too; that is legal in HTTP/1.0. */
function effectiveHost({ host, target }: ReadRequest): string {
  return host === '' ? canonicalHost(ABSOLUTE.exec(target)?.[1] ?? '') : host;
}

/** All values of a header, whatever the case of its name. */
export function valuesOf(
  headers: readonly (readonly [string, string])[],
  lowerName: string,
): string[] {
  return headers.filter(([name]) => name.toLowerCase() === lowerName).map(([, value]) => value);
}

/** What differs between two readings of one request; null if they mean the same. */
export function differenceOf(ours: ReadRequest, theirs: ReadRequest): string | null {
  const differs = (part: keyof ReadRequest): string =>
    `${part} ${JSON.stringify(ours[part])} is ${JSON.stringify(theirs[part])} to it`;
  if (ours.method !== theirs.method) return differs('method');
  const [target, other] = [ours, theirs].map((one) => canonicalTarget(one.method, one.target));
  if (target !== other) return differs('target');
  if (effectiveHost(ours) !== effectiveHost(theirs)) return differs('host');
  return ours.body === theirs.body ? null : differs('body');
}
