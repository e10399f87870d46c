import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram } from '../find-program.ts';
import type { CandidateContext, RunningCandidate } from './candidate.ts';
import { startServer } from './start-server.ts';

/** Folders of nginx modules: Debian and Ubuntu, Red Hat, from source. */
const MODULE_FOLDERS = ['/usr/lib/nginx/modules', '/usr/lib64/nginx/modules', '/etc/nginx/modules'];

/** Why nginx with Lua cannot run here, or null. */
export async function luaMissing(): Promise<string | null> {
  if ((await findProgram('nginx')) === null) return 'nginx is not installed';
  if ((await findModules()) === null) return 'libnginx-mod-http-lua is not installed';
  return null;
}

/** Lines of a configuration that load the Lua module. */
export async function loadLuaModules(): Promise<string> {
  return ((await findModules()) ?? []).map((path) => `load_module ${path};`).join('\n');
}

/** Starts nginx with a configuration file in the candidate's directory. */
export async function startNginx(
  name: string,
  file: string,
  port: number,
  context: CandidateContext,
): Promise<RunningCandidate> {
  const command = (await findProgram('nginx')) ?? 'nginx';
  const args = ['-e', 'stderr', '-p', context.directory, '-c', file];
  return startServer({ name, command, args, port }, context);
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
