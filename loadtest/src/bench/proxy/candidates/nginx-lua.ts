import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '@headgate/testkit';
import { ACTIVE_TENANTS, CONNECTIONS, TENANTS } from '../../side-by-side/settings.ts';
import type {
  Candidate,
  CandidateContext,
  RunningCandidate,
} from '../../side-by-side/candidate.ts';
import { NGINX_FORWARD, nginxConfig, nginxUpstream } from '../../side-by-side/nginx-config.ts';
import { loadLuaModules, luaMissing, startNginx } from '../../side-by-side/nginx-lua.ts';

/** nginx with the Lua module, on which Kong and APISIX are built: the tenant of each request is looked up in Lua. */
export const nginxLua: Candidate = {
  name: 'nginx-lua',
  description:
    'tenant by host in access_by_lua, round robin over 3 endpoints; no metrics, log or trace',
  tenants: TENANTS,
  activeTenants: ACTIVE_TENANTS,
  missing: luaMissing,
  start,
};

async function start(context: CandidateContext): Promise<RunningCandidate> {
  const port = await freePort();
  const { directory } = context;
  const hostsFile = join(directory, 'tenants.txt');
  await writeFile(hostsFile, `${context.hosts.join('\n')}\n`);
  const file = join(directory, 'nginx.conf');
  const main = await loadLuaModules();
  const http = `${nginxUpstream(context.backendPorts, CONNECTIONS)}
  init_by_lua_block {
    tenants = {}
    local count = 0
    for host in io.lines("${hostsFile}") do
      count = count + 1
      tenants[host] = { id = "tenant-" .. count }
    end
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      access_by_lua_block {
        local tenant = tenants[ngx.var.http_host]
        if not tenant then return ngx.exit(404) end
        ngx.req.set_header("X-Tenant-Id", tenant.id)
      }
      ${NGINX_FORWARD}
    }
  }`;
  await writeFile(file, nginxConfig(directory, { main, http }));
  return startNginx('nginx-lua', file, port, context);
}
