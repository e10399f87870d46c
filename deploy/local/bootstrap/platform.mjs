import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Failure } from './failure.mjs';

/** The oldest Node that can run the bootstrap, and the oldest that can run the workspace. */
const BOOTSTRAP_NODE_MAJOR = 20;
const WORKSPACE_NODE = [26, 10];

/**
 * Checks Node and the operating system.
 * @throws {Failure}
 */
export function checkPlatform() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < BOOTSTRAP_NODE_MAJOR) {
    throw new Failure(
      `Node ${process.versions.node} is too old; ${BOOTSTRAP_NODE_MAJOR} or newer is needed.`,
      'Install a newer Node: https://nodejs.org/en/download',
    );
  }
  if (process.platform !== 'linux' && process.platform !== 'darwin') {
    throw new Failure(
      `${process.platform} is not supported.`,
      'Use Linux or macOS; on Windows run it inside WSL: https://learn.microsoft.com/windows/wsl',
    );
  }
}

/**
 * The PATH for everything started from here: the workspace's programs first, and at the end the
 * folders where packages put servers but which a user's PATH may lack.
 *
 * @param {string} root
 * @returns {string}
 */
export function searchPath(root) {
  const own = join(root, 'node_modules', '.bin');
  const inherited = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const servers = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/sbin', '/opt/homebrew/bin'];
  return [...new Set([own, ...inherited, ...servers])].join(delimiter);
}

/**
 * @param {string} program
 * @returns {string | null} its path, or null if PATH does not have it
 */
export function findOnPath(program) {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // Not here.
    }
  }
  return null;
}

/**
 * The Node that runs the workspace: the one installed with its packages, else the present one if it
 * is new enough (a platform for which no package exists).
 *
 * @param {string} root
 * @returns {string}
 * @throws {Failure}
 */
export function findWorkspaceNode(root) {
  const installed = join(root, 'node_modules', '.bin', 'node');
  if (existsSync(installed) && spawnSync(installed, ['--version']).status === 0) return installed;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [neededMajor = 0, neededMinor = 0] = WORKSPACE_NODE;
  if (major > neededMajor || (major === neededMajor && minor >= neededMinor)) {
    return process.execPath;
  }
  throw new Failure(
    `there is no Node ${WORKSPACE_NODE.join('.')} package for ${process.platform}-${process.arch} ` +
      '(or npm was told to omit optional packages).',
    `Install Node ${WORKSPACE_NODE.join('.')} or newer yourself and run the command again with it.`,
  );
}
