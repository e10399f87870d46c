import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '@headgate/testkit';
import type {
  Candidate,
  CandidateContext,
  RunningCandidate,
} from '../../side-by-side/candidate.ts';
import { nginxConfig, NGINX_FORWARD, nginxUpstream } from '../../side-by-side/nginx-config.ts';
import { loadLuaModules, luaMissing, startNginx } from '../../side-by-side/nginx-lua.ts';
import { ACTIVE_TENANTS, CONNECTIONS, TENANTS } from '../../side-by-side/settings.ts';
import { API_KEY } from '../settings.ts';
import { redisMissing, startWithRedis } from './start-with-redis.ts';
import { writeTenantsFile } from './tenants-file.ts';

const MODULE = fileURLToPath(new URL('./sliding-windows.lua', import.meta.url));

/** nginx with the Lua module and Redis, the construction of Kong and APISIX. */
export const nginxLua: Candidate = {
  name: 'nginx-lua',
  description:
    'tenant by host and API key in access_by_lua, three sliding windows of two counters in one pipelined ' +
    'round trip to Redis; no metrics, log or trace',
  tenants: TENANTS,
  activeTenants: ACTIVE_TENANTS,
  missing: async () => (await luaMissing()) ?? (await redisMissing()),
  start: (context) => startWithRedis(({ port }) => start(context, port)),
};

async function start(context: CandidateContext, redisPort: number): Promise<RunningCandidate> {
  const port = await freePort();
  const { directory } = context;
  const tenantsFile = await writeTenantsFile(directory, context.hosts);
  await copyFile(MODULE, join(directory, 'sliding_windows.lua'));
  const http = `${nginxUpstream(context.backendPorts, CONNECTIONS)}
  lua_package_path "${directory}/?.lua;;";
  init_by_lua_block {
    windows = require "sliding_windows"
    tenants = windows.read_tenants("${tenantsFile}", "${API_KEY}")
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      access_by_lua_block {
        local tenant = tenants[ngx.var.http_host]
        if not tenant then return ngx.exit(404) end
        local key = tenant.keys[ngx.var.http_x_api_key]
        if not key then return ngx.exit(401) end
        ngx.req.set_header("X-Tenant-Id", tenant.id)
        return windows.enforce(${redisPort}, key)
      }
      ${NGINX_FORWARD}
    }
  }`;
  const file = join(directory, 'nginx.conf');
  await writeFile(file, nginxConfig(directory, { main: await loadLuaModules(), http }));
  return startNginx('nginx-lua', file, port, context);
}
