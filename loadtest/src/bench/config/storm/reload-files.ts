import { haproxyConfig } from '../../side-by-side/haproxy-config.ts';
import { nginxConfig, nginxUpstream, NGINX_FORWARD } from '../../side-by-side/nginx-config.ts';
import { tenantHost } from '../../side-by-side/tenant-documents.ts';
import { changedPath } from '../tenants.ts';

/** What the files of a proxy say. */
export interface ReloadedRoutes {
  readonly port: number;
  readonly backendPorts: readonly number[];
  /** The change that each tenant's changing route is at; there are as many tenants. */
  readonly changes: readonly number[];
}

/** Connections to the backend that nginx keeps. */
const BACKEND_CONNECTIONS = 64;

/** The same routes as `loadTenants` makes, for nginx: a server for each tenant, one upstream for all. */
export function nginxRoutes(directory: string, routes: ReloadedRoutes): string {
  const { port, backendPorts, changes } = routes;
  const listen = `listen 127.0.0.1:${port}`;
  const servers = changes.map(
    (change, tenant) => `  server {
    ${listen};
    server_name ${tenantHost(tenant)};
    location /v1/items {
      ${NGINX_FORWARD}
    }
    location = ${changedPath(change)} {
      ${NGINX_FORWARD}
    }
    location / { return 404; }
  }`,
  );
  return nginxConfig(directory, {
    http: `  server_names_hash_max_size 65536;
  server_names_hash_bucket_size 128;
${nginxUpstream(backendPorts, BACKEND_CONNECTIONS)}
  server {
    ${listen} default_server backlog=4096;
    return 404;
  }
${servers.join('\n')}`,
  });
}

/** Names of HAProxy's maps: from host and path to whether there is such a route. */
export interface HaproxyMaps {
  readonly prefixes: string;
  readonly exact: string;
}

/** HAProxy's configuration, which looks routes up in two maps; the maps hold all that changes. */
export function haproxyRoutes(
  { port, backendPorts }: Omit<ReloadedRoutes, 'changes'>,
  maps: HaproxyMaps,
): string {
  const rules = [
    `acl is-prefix base,map_beg(${maps.prefixes}) -m found`,
    `acl is-exact base,map_str(${maps.exact}) -m found`,
    'http-request deny deny_status 404 unless is-prefix or is-exact',
  ];
  return haproxyConfig({ port, backendPorts, rules });
}

/** The maps' texts for {@link haproxyRoutes}. */
export function haproxyMaps(changes: ReloadedRoutes['changes']): HaproxyMaps {
  const lines = (pathOf: (change: number) => string): string =>
    changes.map((change, tenant) => `${tenantHost(tenant)}${pathOf(change)} 1\n`).join('');
  return { prefixes: lines(() => '/v1/items'), exact: lines(changedPath) };
}
