import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isScalar, parseDocument, visit } from 'yaml';
import { Failure } from './bootstrap/failure.mjs';
import { spawnGuarded } from './bootstrap/guarded-process.mjs';
import type { ClusterSettings } from './components.ts';
import { clusterPorts, PORT_BASE_DEFAULT } from './ports.ts';

/** Remembers in the data folder which demo endpoints the applied bundle names. */
const MARKER = 'demo-applied';
const CONVERGENCE_TIMEOUT_MS = 15_000;
const OUTPUT_CHARACTERS_MAX = 64 * 1024;

/**
 * Applies the demo bundle through the `headgate` command, unless an earlier start did: what the
 * user has changed since then stays.
 *
 * @param signal ends it early.
 * @returns whether it was applied now.
 * @throws Failure with the command's own words.
 */
export async function applyDemoBundle(
  settings: ClusterSettings,
  signal: AbortSignal,
): Promise<boolean> {
  const { root, dataDirectory, ports } = settings;
  const marker = join(dataDirectory, MARKER);
  const endpoints = ports.demoEndpoints.join(' ');
  if (existsSync(marker) && readFileSync(marker, 'utf8') === endpoints) return false;

  const source = join(root, 'deploy', 'local', 'demo.yaml');
  const file = join(dataDirectory, 'demo.yaml');
  writeFileSync(file, withPorts(readFileSync(source, 'utf8'), ports.demoEndpoints));
  const args = ['apply', '--file', file, '--yes', `--wait=${CONVERGENCE_TIMEOUT_MS}`];
  const { code, output } = await runCommand(settings, args, signal);
  if (signal.aborted) return false;
  if (code !== 0) throw new Failure('the demo bundle could not be applied.', output.trim());
  writeFileSync(marker, endpoints);
  return true;
}

/** Moves the endpoints of the bundle from the default ports to those of this cluster. */
export function withPorts(yaml: string, demoPorts: readonly number[]): string {
  const written = clusterPorts(PORT_BASE_DEFAULT, 1, true).demoEndpoints;
  const document = parseDocument(yaml);
  visit(document, {
    Pair(_, pair) {
      if (!isScalar(pair.key) || pair.key.value !== 'port' || !isScalar(pair.value)) return;
      const index = written.indexOf(Number(pair.value.value));
      const port = demoPorts[index];
      if (port !== undefined) pair.value.value = port;
    },
  });
  return document.toString();
}

async function runCommand(
  settings: ClusterSettings,
  args: readonly string[],
  signal: AbortSignal,
): Promise<{ code: number | null; output: string }> {
  const child = spawnGuarded({
    command: settings.node,
    args: [join(settings.root, 'services', 'cli', 'bin', 'headgate.mjs'), ...args],
    env: {
      ...process.env,
      NODE_TEST_CONTEXT: undefined,
      NO_COLOR: '1',
      FORCE_COLOR: undefined,
      HEADGATE_URL: `http://127.0.0.1:${settings.ports.configApi}`,
      HEADGATE_ADMIN_TOKEN: settings.adminToken,
    },
    streams: 'pipe',
  });
  let output = '';
  const keep = (chunk: string) => {
    output = (output + chunk).slice(-OUTPUT_CHARACTERS_MAX);
  };
  child.stdout?.setEncoding('utf8').on('data', keep);
  child.stderr?.setEncoding('utf8').on('data', keep);
  const stop = () => void child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  signal.removeEventListener('abort', stop);
  return { code, output };
}
