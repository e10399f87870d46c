import type { HostPort, RedisTarget } from '@headgate/limiting-redis';

/** What a URL says, or the rule that it breaks. The text of a fault holds nothing of the URL, which may hold a password. */
export type ParsedRedisUrl = { readonly target: RedisTarget } | { readonly fault: string };

const FORMS =
  'must be redis://[USER:PASSWORD@]HOST[:PORT], redis+cluster://[USER:PASSWORD@]HOST:PORT,HOST:PORT or redis+sentinel://[USER:PASSWORD@]HOST:PORT,HOST:PORT/MASTER; rediss in place of redis for TLS';

const URL_PARTS =
  /^(?<scheme>rediss?)(?:\+(?<kind>cluster|sentinel))?:\/\/(?:(?<login>[^@/?#\s]*)@)?(?<hosts>[^@/?#\s]+)(?:\/(?<path>[^/?#\s]*))?(?:\?(?<query>[^#\s]*))?$/;

/** Nodes or Sentinels that may be listed. */
const HOSTS_MAX = 32;

const REDIS_PORT = 6379;
const SENTINEL_PORT = 26_379;

/** Reads `HEADGATE_REDIS_URL`. User and password are percent-encoded. */
export function parseRedisUrl(text: string): ParsedRedisUrl {
  const parts = URL_PARTS.exec(text)?.groups;
  if (parts === undefined) return { fault: FORMS };
  const { scheme, kind, login, path = '', query, hosts = '' } = parts;
  const access = readLogin(login);
  if (access === null) return { fault: `${FORMS}; encode % and @ of a password as %25 and %40` };
  const isCluster = kind === 'cluster';
  const places = readHosts(hosts, kind === 'sentinel' ? SENTINEL_PORT : REDIS_PORT);
  if ('fault' in places) return places;
  const common = { ...access, tls: scheme === 'rediss' ? {} : null };
  if (kind === 'sentinel') return readSentinel(common, places.hosts, path, query);
  if (query !== undefined) return { fault: 'takes ?sentinelPassword= with redis+sentinel:// only' };
  if (path !== '' && (path !== '0' || isCluster)) {
    return { fault: 'must not name a database: keys of limits live in database 0' };
  }
  if (isCluster) return { target: { ...common, nodes: places.hosts } };
  const [address, second] = places.hosts;
  if (address === undefined || second !== undefined) {
    return { fault: 'names several hosts: begin it with redis+cluster:// or redis+sentinel://' };
  }
  return { target: { ...common, ...address } };
}

type Access = Pick<RedisTarget, 'username' | 'password' | 'tls'>;

function readSentinel(
  access: Access,
  sentinels: readonly HostPort[],
  path: string,
  query: string | undefined,
): ParsedRedisUrl {
  const master = decode(path);
  if (master === null || master === '') {
    return { fault: 'must end with the name of the master: redis+sentinel://HOST:PORT/mymaster' };
  }
  if (query === undefined) return { target: { ...access, sentinels, master } };
  const sentinelPassword = decode(/^sentinelPassword=([^&]+)$/.exec(query)?.[1] ?? '');
  if (sentinelPassword === null || sentinelPassword === '') {
    return { fault: 'may have one parameter, ?sentinelPassword=PASSWORD' };
  }
  return { target: { ...access, sentinels, master, sentinelPassword } };
}

function readLogin(login: string | undefined): Pick<Access, 'username' | 'password'> | null {
  if (login === undefined || login === '') return {};
  const colon = login.indexOf(':');
  const username = decode(colon === -1 ? login : login.slice(0, colon));
  const password = decode(colon === -1 ? '' : login.slice(colon + 1));
  if (username === null || password === null) return null;
  return { ...(username === '' ? {} : { username }), ...(password === '' ? {} : { password }) };
}

function readHosts(
  text: string,
  defaultPort: number,
): { readonly hosts: readonly HostPort[] } | { readonly fault: string } {
  const parts = text.split(',');
  if (parts.length > HOSTS_MAX) return { fault: `names more than ${HOSTS_MAX} hosts` };
  const hosts: HostPort[] = [];
  for (const [index, part] of parts.entries()) {
    const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/.exec(part);
    const port = match?.[2] === undefined ? defaultPort : Number(match[2]);
    if (match === null || port < 1 || port > 65_535) {
      return { fault: `host ${index + 1} of ${parts.length} must be HOST:PORT, port 1 to 65535` };
    }
    hosts.push({ host: (match[1] ?? '').replace(/^\[|\]$/g, ''), port });
  }
  return { hosts };
}

/** Percent-decoded; null if that is not possible. */
function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
