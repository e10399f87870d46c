import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Failure } from './failure.mjs';
import { findOnPath } from './platform.mjs';
import { runWithProgress } from './run.mjs';

/**
 * @typedef {{version?: string, resolved?: string, link?: boolean, optional?: boolean,
 *   devOptional?: boolean, dependencies?: Record<string, string>,
 *   devDependencies?: Record<string, string>, optionalDependencies?: Record<string, string>}} Entry
 *   one package in a lock file
 * @typedef {Record<string, Entry>} Packages by path below the root
 */

/** Space that the packages take, with room for npm's cache. */
const PACKAGES_BYTES = 1.2e9;

const DEPENDENCY_FIELDS = /** @type {const} */ ([
  'dependencies',
  'devDependencies',
  'optionalDependencies',
]);

/**
 * Installs the npm packages if they are missing or are not those of package-lock.json.
 *
 * @param {string} root
 * @throws {Failure}
 */
export async function installPackages(root) {
  const wanted = readPackages(join(root, 'package-lock.json'));
  if (wanted === null) {
    throw new Failure('package-lock.json is missing or damaged.', 'Restore it: git status');
  }
  checkLockMatchesManifests(root, wanted);
  // npm writes this file at the very end, so an interrupted installation counts as missing.
  const installed = readPackages(join(root, 'node_modules', '.package-lock.json'));
  if (installed !== null && areInstalled(root, wanted, installed)) return;

  if (findOnPath('npm') === null) {
    throw new Failure('npm is not installed.', 'Debian, Ubuntu: apt-get install npm');
  }
  checkFreeSpace(root);
  const result = await runWithProgress('npm packages', 'npm', ['ci', '--no-audit', '--no-fund'], {
    cwd: root,
    // npm deletes node_modules first, so it must not run with the Node that lies inside.
    env: { ...process.env, PATH: pathWithout(join(root, 'node_modules', '.bin')) },
  });
  if (result.code !== 0) throw installFailure(root, result.output);
}

/**
 * @param {string} file
 * @returns {Packages | null}
 */
function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages ?? null;
  } catch {
    return null;
  }
}

/**
 * @param {string} root
 * @param {Packages} wanted
 */
function checkLockMatchesManifests(root, wanted) {
  for (const [path, entry] of Object.entries(wanted)) {
    if (path.includes('node_modules')) continue;
    const manifest = join(root, path, 'package.json');
    const written = existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')) : {};
    for (const field of DEPENDENCY_FIELDS) {
      if (canonical(written[field]) === canonical(entry[field])) continue;
      throw new Failure(
        `${join(path, 'package.json')} and package-lock.json name different ${field}.`,
        'Update the lock file: npm install',
      );
    }
  }
}

/** @param {Record<string, string> | undefined} dependencies */
function canonical(dependencies = {}) {
  return JSON.stringify(Object.entries(dependencies).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * @param {string} root
 * @param {Packages} wanted
 * @param {Packages} installed
 */
function areInstalled(root, wanted, installed) {
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.includes('node_modules')) continue;
    const present = installed[path];
    if (present === undefined) {
      // Packages for other platforms are never there.
      if (entry.optional === true || entry.devOptional === true) continue;
      return false;
    }
    if (present.version !== entry.version) return false;
    if (entry.link === true && present.resolved !== entry.resolved) return false;
  }
  return existsSync(join(root, 'node_modules', 'typescript', 'package.json'));
}

/** @param {string} root */
function checkFreeSpace(root) {
  const { bavail, bsize } = statfsSync(root);
  const freeBytes = bavail * bsize;
  if (freeBytes >= PACKAGES_BYTES) return;
  throw diskFull(root, `${Math.round(freeBytes / 1e6)} MB free, ${PACKAGES_BYTES / 1e6} MB needed`);
}

/**
 * @param {string} root
 * @param {string} figures
 */
function diskFull(root, figures) {
  return new Failure(
    `the disk of ${root} is full (${figures}).`,
    'Free some space (npm cache clean --force helps) and run the command again.',
  );
}

/** @param {string} folder */
function pathWithout(folder) {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.filter((candidate) => candidate !== folder).join(delimiter);
}

/**
 * @param {string} root
 * @param {string} output
 */
function installFailure(root, output) {
  if (/ENOSPC|no space left/i.test(output)) return diskFull(root, 'npm ran out of space');
  if (
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EIDLETIMEOUT/.test(output)
  ) {
    return new Failure(
      'npm cannot reach its registry.',
      'Check the network and the proxy settings (npm config list), then run the command again.',
    );
  }
  if (/EACCES|EPERM/.test(output)) {
    return new Failure(
      `npm may not write to ${join(root, 'node_modules')}.`,
      'Make the folder yours, or remove it: sudo rm -rf node_modules',
    );
  }
  // The first lines name the fault; a long usage text may follow them.
  const errors = output.split('\n').filter((line) => /^npm error +[^ ]/.test(line));
  const shown = (errors.length > 0 ? errors : output.trim().split('\n')).slice(0, 8).join('\n');
  return new Failure('npm ci failed.', `${shown}\nRun it by hand to see more: npm ci`);
}
