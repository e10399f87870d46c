import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import {
  freePort,
  startProcess,
  temporaryDirectory,
  waitFor,
  type StartedProcess,
} from '@headgate/testkit';
import { readComposeFile } from './compose-file.ts';

const run = promisify(execFile);
const DEPLOY = join(import.meta.dirname, '..');
const CLUSTER_PASSWORD = 'sfedcba9876543210';

test('HAProxy accepts its configuration', async () => {
  const env = { ...process.env, EDGE_1_HOST: '127.0.0.1', EDGE_2_HOST: '127.0.0.1' };
  const { stdout } = await run('haproxy', ['-c', '-f', join(DEPLOY, 'haproxy/haproxy.cfg')], {
    env: { ...env, PATH: `${process.env['PATH']}:/usr/sbin` },
  });
  assert.match(stdout, /Configuration file is valid/);
});

/** The configuration with the addresses of one machine in place of those of three containers. */
async function localNatsConfiguration(
  node: { readonly port: number; readonly http: number; readonly route: number },
  storeDirectory: string,
): Promise<string> {
  const text = await readFile(join(DEPLOY, 'nats/nats.conf'), 'utf8');
  return text
    .replace('0.0.0.0:4222', `127.0.0.1:${node.port}`)
    .replace('0.0.0.0:8222', `127.0.0.1:${node.http}`)
    .replace('0.0.0.0:6222', `127.0.0.1:${node.route}`)
    .replace('store_dir: /data', `store_dir: "${storeDirectory}"`);
}

async function startNatsCluster(t: TestContext): Promise<readonly number[]> {
  const directory = await temporaryDirectory('nats-cluster');
  t.after(() => directory.remove());
  const nodes = await Promise.all(
    [1, 2, 3].map(async (number) => ({
      name: `nats-${number}`,
      port: await freePort(),
      http: await freePort(),
      route: await freePort(),
    })),
  );
  const { services } = await readComposeFile();
  // As the compose file gives it to the containers.
  const routes = (services['nats-1']?.environment?.['NATS_ROUTES'] ?? '')
    .replaceAll(/\$\{NATS_CLUSTER_PASSWORD[^}]*\}/g, CLUSTER_PASSWORD)
    .replaceAll(/nats-(\d):6222/g, (_match, digit: string) => {
      return `127.0.0.1:${nodes[Number(digit) - 1]?.route}`;
    });
  for (const node of nodes) {
    const file = join(directory.path, `${node.name}.conf`);
    await writeFile(file, await localNatsConfiguration(node, join(directory.path, node.name)));
    const started: StartedProcess = await startProcess({
      name: node.name,
      command: 'nats-server',
      args: ['-c', file],
      env: {
        NATS_SERVER_NAME: node.name,
        NATS_USER: 'headgate',
        NATS_PASSWORD: 's0123456789abcdef',
        NATS_CLUSTER_PASSWORD: CLUSTER_PASSWORD,
        NATS_ROUTES: routes,
      },
      readyWhen: /Server is ready/,
    });
    t.after(() => started.stop());
  }
  return nodes.map(({ http }) => http);
}

test('three NATS nodes with the configuration of the compose file form one JetStream cluster', async (t) => {
  const httpPorts = await startNatsCluster(t);
  for (const port of httpPorts) {
    await waitFor(async () => (await fetch(`http://127.0.0.1:${port}/healthz`)).ok, {
      message: `the node with monitoring port ${port} to be healthy`,
    });
  }
  const [port] = httpPorts;
  const cluster = await waitFor(
    async () => {
      const reply = await fetch(`http://127.0.0.1:${port}/jsz`);
      const { meta_cluster: meta } = (await reply.json()) as {
        meta_cluster?: { name: string; leader?: string; cluster_size: number };
      };
      return meta?.leader === undefined || meta.leader === '' ? undefined : meta;
    },
    { message: 'a leader' },
  );
  assert.equal(cluster.name, 'headgate');
  assert.equal(cluster.cluster_size, 3);
});
