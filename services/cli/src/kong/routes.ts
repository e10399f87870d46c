import { isEmpty, type KongRoute, type KongService } from './kong-file.ts';
import type { Notes } from './notes.ts';
import type { LimitInput } from './plugins.ts';
import { clamp } from './upstreams.ts';

/** Without them a route would take requests that were not meant for it, so it is left out as a whole. */
const CONDITIONS = ['expression', 'headers', 'snis', 'sources', 'destinations'];
const RETRIES_MAX = 3;
const HOST = /^(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;

/** A route of a bundle with its hosts. */
export interface TranslatedRoute {
  readonly id: string;
  readonly hosts: readonly string[];
  readonly spec: object;
}

/** What a route has of the service that it leads to. */
export interface RouteSurroundings {
  readonly service: KongService;
  readonly upstreamId: string;
  /** Whether a key is asked for. */
  readonly needsKey: boolean;
  /** Those of the service, then its own. */
  readonly limits: readonly LimitInput[];
}

/** Translates a route: one of a bundle has one path, so it becomes as many as it has paths. */
export function translateRoute(
  route: KongRoute,
  path: string,
  { service, upstreamId, needsKey, limits }: RouteSurroundings,
  notes: Notes,
): TranslatedRoute[] {
  if (!isPossible(route, path, notes)) return [];
  const hosts = (route.hosts ?? []).map((host) => host.toLowerCase());
  const unusable = hosts.find((host) => !HOST.test(host));
  if (unusable !== undefined) {
    notes.lose(
      `${path}.hosts`,
      'hosts are names, or "*." and a name; the route is left out',
      unusable,
    );
    return [];
  }
  const paths = (route.paths?.length ? route.paths : ['/']).filter((text) => {
    if (!text.startsWith('~')) return true;
    notes.lose(`${path}.paths`, 'no path is matched by a regular expression', text);
    return false;
  });
  const isPlainPrefix = paths.some((text) => !text.endsWith('/'));
  if (isPlainPrefix)
    notes.change(`${path}.paths`, 'a prefix takes whole segments: "/a" takes "/a/b", not "/ab"');
  if (hosts.length === 0) notes.change(path, 'names no host: it serves those of the tenant alone');
  const { retries } = service;
  if (typeof retries === 'number' && retries > RETRIES_MAX) {
    notes.change(path, `at most ${RETRIES_MAX} retries`, retries);
  }
  const name = route.name ?? `${service.name ?? 'service'}-route`;
  return paths.map((prefix) => ({
    id: notes.id('route', name),
    hosts,
    spec: {
      match: {
        hosts,
        path: { prefix },
        methods: (route.methods ?? []).map((method) => method.toUpperCase()),
      },
      upstreamId,
      auth: needsKey ? 'api_key' : 'none',
      // Kong strips unless it is told not to.
      stripPrefix: (route.strip_path ?? true) && prefix !== '/',
      limits: uniqueByName(limits),
      ...timesOf(service),
    },
  }));
}

function isPossible(route: KongRoute, path: string, notes: Notes): boolean {
  for (const key of CONDITIONS) {
    if (isEmpty(route[key])) continue;
    notes.lose(`${path}.${key}`, 'routes are not matched by it; the route is left out');
    return false;
  }
  const protocols = route.protocols ?? ['http', 'https'];
  if (protocols.includes('http')) return true;
  if (protocols.includes('https')) {
    notes.lose(`${path}.protocols`, 'edges that listen for plain HTTP serve the route there too');
    return true;
  }
  notes.lose(`${path}.protocols`, 'routes are for http and https; the route is left out');
  return false;
}

function timesOf({ retries, read_timeout: readMs }: KongService): object {
  return {
    ...(typeof retries === 'number' ? { retries: clamp(retries, 0, RETRIES_MAX) } : {}),
    ...(typeof readMs === 'number' ? { perTryTimeoutMs: clamp(readMs, 10, 3_600_000) } : {}),
  };
}

/** The plugin of the narrower place comes last and counts, as in Kong. */
function uniqueByName(limits: readonly LimitInput[]): LimitInput[] {
  return [...new Map(limits.map((limit) => [limit['name'], limit])).values()];
}
