import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ShutdownStack } from '@headgate/runtime';
import { freePort, startProcess, temporaryDirectory } from '@headgate/testkit';
import { findProgram } from '../../find-program.ts';
import { startBackend } from '../../side-by-side/backend.ts';
import { serves } from '../../side-by-side/serves.ts';
import { REQUEST_PATH } from '../../side-by-side/settings.ts';
import { tenantHost } from '../../side-by-side/tenant-documents.ts';
import { haproxyMaps, haproxyRoutes, nginxRoutes, type ReloadedRoutes } from './reload-files.ts';
import type { StormEntrant, StormSetting, StormTarget } from './storm-target.ts';

/** A proxy whose configuration is files that it reads again at a signal. */
interface ReloadedProxy {
  readonly program: string;
  readonly args: (directory: string) => readonly string[];
  readonly signal: NodeJS.Signals;
  /** Writes what it starts with. */
  readonly writeAll: (directory: string, routes: ReloadedRoutes) => Promise<void>;
  /** Writes the file in which changing routes are. */
  readonly writeChanges: (directory: string, routes: ReloadedRoutes) => Promise<void>;
}

/** nginx with a server block for each tenant and `SIGHUP` for each change. */
export const nginxReload: StormEntrant = entrantOf('nginx-reload', {
  program: 'nginx',
  args: (directory) => ['-e', 'stderr', '-p', directory, '-c', join(directory, 'nginx.conf')],
  signal: 'SIGHUP',
  writeAll: writeNginx,
  writeChanges: writeNginx,
});

/** HAProxy in master-worker mode with its routes in maps and `SIGUSR2` for each change. */
export const haproxyReload: StormEntrant = entrantOf('haproxy-reload', {
  program: 'haproxy',
  args: (directory) => ['-W', '-db', '-f', join(directory, 'haproxy.cfg')],
  signal: 'SIGUSR2',
  async writeAll(directory, routes) {
    const { prefixes, exact } = haproxyMaps(routes.changes);
    const files = { prefixes: join(directory, 'prefix.map'), exact: join(directory, 'exact.map') };
    await writeFile(files.prefixes, prefixes);
    await replaceFile(files.exact, exact);
    await writeFile(join(directory, 'haproxy.cfg'), haproxyRoutes(routes, files));
  },
  writeChanges: (directory, { changes }) =>
    replaceFile(join(directory, 'exact.map'), haproxyMaps(changes).exact),
});

function writeNginx(directory: string, routes: ReloadedRoutes): Promise<void> {
  return replaceFile(join(directory, 'nginx.conf'), nginxRoutes(directory, routes));
}

/** A reload that reads meanwhile sees the old file or the new one. */
async function replaceFile(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

function entrantOf(name: string, proxy: ReloadedProxy): StormEntrant {
  return {
    name,
    async missing() {
      const program = await findProgram(proxy.program);
      return program === null ? `${proxy.program} is not installed` : null;
    },
    async start(setting) {
      const shutdown = new ShutdownStack();
      try {
        return await startReloaded(name, proxy, setting, shutdown);
      } catch (error) {
        await shutdown.close();
        throw error;
      }
    },
  };
}

async function startReloaded(
  name: string,
  proxy: ReloadedProxy,
  { nginx, tenants }: StormSetting,
  shutdown: ShutdownStack,
): Promise<StormTarget> {
  const temporary = await temporaryDirectory('bench-storm');
  shutdown.push('temporary directory', () => temporary.remove());
  const directory = join(temporary.path, name);
  const backendDirectory = join(temporary.path, 'backend');
  await Promise.all([mkdir(directory), mkdir(backendDirectory)]);
  const backend = await startBackend(nginx, backendDirectory);
  shutdown.push('backend', async () => void (await backend.process.stop()));
  const port = await freePort();
  const changes = Array.from({ length: tenants }, () => 0);
  const routes = { port, backendPorts: backend.ports, changes };
  await proxy.writeAll(directory, routes);
  const started = await startProcess({
    name,
    command: (await findProgram(proxy.program)) ?? proxy.program,
    args: proxy.args(directory),
    cwd: directory,
    readyWhen: () => serves(port, { host: tenantHost(0) }, REQUEST_PATH),
    readyTimeoutMs: 30_000,
  });
  shutdown.push(name, async () => void (await started.stop()));
  return {
    name,
    port,
    pid: started.pid,
    controlPids: [],
    async change(tenant, change) {
      changes[tenant] = change;
      await proxy.writeChanges(directory, routes);
      started.kill(proxy.signal);
    },
    reloadAgain: () => void started.kill(proxy.signal),
    stop: async () => void (await shutdown.close()),
  };
}
