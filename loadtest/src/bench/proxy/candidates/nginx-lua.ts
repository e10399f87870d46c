import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '@headgate/testkit';
import { findProgram } from '../../find-program.ts';
import { ACTIVE_TENANTS, PROXY_CONNECTIONS, TENANTS } from '../settings.ts';
import type { Candidate, CandidateContext, RunningCandidate } from './candidate.ts';
import { NGINX_FORWARD, nginxConfig, nginxUpstream } from './nginx-config.ts';
import { startServer } from './start-server.ts';

/** Folders of nginx modules: Debian and Ubuntu, Red Hat, from source. */
const MODULE_FOLDERS = ['/usr/lib/nginx/modules', '/usr/lib64/nginx/modules', '/etc/nginx/modules'];

/** nginx with the Lua module, on which Kong and APISIX are built: the tenant of each request is looked up in Lua. */
export const nginxLua: Candidate = {
  name: 'nginx-lua',
  description:
    'tenant by host in access_by_lua, round robin over 3 endpoints; no metrics, log or trace',
  tenants: TENANTS,
  activeTenants: ACTIVE_TENANTS,
  missing: async () => {
    if ((await findProgram('nginx')) === null) return 'nginx is not installed';
    if ((await findModules()) === null) return 'libnginx-mod-http-lua is not installed';
    return null;
  },
  start,
};

async function start(context: CandidateContext): Promise<RunningCandidate> {
  const port = await freePort();
  const { directory } = context;
  const hostsFile = join(directory, 'tenants.txt');
  await writeFile(hostsFile, `${context.hosts.join('\n')}\n`);
  const file = join(directory, 'nginx.conf');
  const main = ((await findModules()) ?? []).map((path) => `load_module ${path};`).join('\n');
  const http = `${nginxUpstream(context.backendPorts, PROXY_CONNECTIONS)}
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
  const command = (await findProgram('nginx')) ?? 'nginx';
  const args = ['-e', 'stderr', '-p', directory, '-c', file];
  return startServer({ name: 'nginx-lua', command, args, port }, context);
}

/** The modules in the order in which they must be loaded, or null. */
async function findModules(): Promise<readonly string[] | null> {
  for (const folder of MODULE_FOLDERS) {
    const paths = ['ndk_http_module.so', 'ngx_http_lua_module.so'].map((name) =>
      join(folder, name),
    );
    try {
      await Promise.all(paths.map((path) => access(path)));
      return paths;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}
