#!/usr/bin/env node
// What `npm start`, `npm test` and `npm run bench` run. It needs nothing but Node 20 and npm: it
// installs what is missing (npm packages, redis-server, nats-server; for tests also HAProxy, for
// benchmarks the proxies that they compare) and then runs the real program with the workspace's own Node, which runs TypeScript directly.
// Plain JavaScript because the Node that runs this file cannot run TypeScript yet.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { benchPrograms } from './bootstrap/bench-programs.mjs';
import { keepCompiledCode } from './bootstrap/compile-cache.mjs';
import { Failure } from './bootstrap/failure.mjs';
import { installPackages } from './bootstrap/packages.mjs';
import { checkPlatform, findWorkspaceNode, searchPath } from './bootstrap/platform.mjs';
import { runInForeground } from './bootstrap/run.mjs';
import { installOptionalServers, installServers } from './bootstrap/servers.mjs';
import { testArguments } from './bootstrap/test-arguments.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

const USAGE = `Usage: node deploy/local/bootstrap.mjs <start|test|bench> [arguments]

  start   run a local cluster                  (npm start -- --help)
  test    run all tests, or those of the given files and folders
                                               (npm test -- libs/http1 --test-name-pattern=chunked)
  bench   run the side-by-side benchmarks      (npm run bench -- --help)
`;

/**
 * A test file that keeps its process alive would keep the whole run waiting: `--test-timeout` is for
 * single tests. The runner names the files that it was waiting for.
 */
const TESTS_DEADLINE_MS = 30 * 60_000;

/**
 * @typedef {{servers: (extra: string[]) => readonly string[],
 *   optionalServers?: (extra: string[]) => readonly string[],
 *   prepare?: (extra: string[]) => void, program: (extra: string[]) => string[],
 *   deadlineMs?: number}} Mode
 * @type {Record<string, Mode>}
 */
const MODES = {
  start: {
    servers: () => ['redis-server', 'nats-server'],
    program: (extra) => [join(root, 'deploy', 'local', 'start.ts'), ...extra],
  },
  test: {
    // curl and ps are missing on the smallest systems only.
    servers: () => ['redis-server', 'nats-server', 'haproxy', 'curl', 'ps'],
    prepare: (extra) => keepCompiledCode(root, extra.length === 0),
    program: (extra) => testArguments(root, extra),
    deadlineMs: TESTS_DEADLINE_MS,
  },
  bench: {
    servers: (extra) => benchPrograms(extra).needed,
    optionalServers: (extra) => benchPrograms(extra).optional,
    program: (extra) => [join(root, 'loadtest', 'src', 'main.ts'), ...extra],
  },
};

/**
 * @param {string | undefined} name
 * @param {string[]} extra
 * @returns {Promise<number>} the exit code
 */
async function main(name, extra) {
  const mode = name !== undefined && Object.hasOwn(MODES, name) ? MODES[name] : undefined;
  if (mode === undefined) {
    process.stderr.write(USAGE);
    return 2;
  }
  checkPlatform();
  process.env.PATH = searchPath(root);
  await installPackages(root);
  // A help text needs no servers, and a reader may not want them yet.
  if (!extra.includes('--help')) {
    await installServers(mode.servers(extra));
    await installOptionalServers(mode.optionalServers?.(extra) ?? []);
  }
  mode.prepare?.(extra);
  const args = mode.program(extra);
  const file = args.find((argument) => !argument.startsWith('-'));
  if (name !== 'test' && file !== undefined && !existsSync(file)) {
    throw new Failure(`${file} is missing.`, 'Restore the working tree: git status');
  }
  return runInForeground(findWorkspaceNode(root), args, root, mode.deadlineMs ?? null);
}

try {
  process.exitCode = await main(process.argv[2], process.argv.slice(3));
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.exitCode;
}
