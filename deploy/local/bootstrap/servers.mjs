import { spawnSync } from 'node:child_process';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { Failure } from './failure.mjs';
import { findOnPath } from './platform.mjs';
import { runWithProgress } from './run.mjs';

/** Packages that are not named like the program they bring. */
const APT_PACKAGES = /** @type {Record<string, string>} */ ({
  ps: 'procps',
  // The module comes along: it is of use in the benchmarks only, as nginx itself.
  nginx: 'nginx libnginx-mod-http-lua',
});
const BREW_PACKAGES = /** @type {Record<string, string>} */ ({ 'redis-server': 'redis' });

/**
 * Debian's packages start their servers as services unless this file says no (exit code 101), see
 * /usr/share/doc/init-system-helpers/README.policy-rc.d.gz.
 */
const POLICY_FILE = '/usr/sbin/policy-rc.d';

/**
 * Installs the programs that are not on PATH, with the system's package manager.
 *
 * @param {readonly string[]} programs
 * @param {string} policyFile where Debian's packages look whether they may start services
 * @throws {Failure}
 */
export async function installServers(programs, policyFile = POLICY_FILE) {
  const missing = programs.filter((program) => findOnPath(program) === null);
  if (missing.length === 0) return;
  if (findOnPath('apt-get') !== null) await installWithApt(missing, policyFile);
  else if (findOnPath('brew') !== null) await installWithBrew(missing);
  else {
    throw new Failure(
      `${missing.join(' and ')} not found on PATH.`,
      `Install with your system's package manager: ${missing.join(' ')}`,
    );
  }
  const absent = missing.filter((program) => findOnPath(program) === null);
  if (absent.length > 0) {
    throw new Failure(
      `${absent.join(' and ')} was installed but is not on PATH.`,
      `PATH is ${process.env.PATH ?? ''}`,
    );
  }
}

/**
 * The same for programs without which the command does less: if they cannot be installed, it says so and goes on.
 *
 * @param {readonly string[]} programs
 * @param {string} policyFile as above
 */
export async function installOptionalServers(programs, policyFile = POLICY_FILE) {
  try {
    await installServers(programs, policyFile);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const without = programs.filter((program) => findOnPath(program) === null).join(', ');
    process.stderr.write(`${error.message}\nGoing on without ${without}.\n`);
  }
}

/**
 * @param {readonly string[]} missing
 * @param {string} policyFile
 */
async function installWithApt(missing, policyFile) {
  const packages = missing.flatMap((program) => (APT_PACKAGES[program] ?? program).split(' '));
  const byHand = `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  if (process.getuid?.() !== 0) {
    throw new Failure(
      `${missing.join(' and ')} not found on PATH, and only root can install packages.`,
      `Run this, then the command again: sudo sh -c '${byHand}'`,
    );
  }
  const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const update = await runWithProgress('package lists', 'apt-get', ['update', '-q'], options);
  if (update.code !== 0) throw aptFailure(byHand, update.output);
  const restore = forbidServiceStarts(policyFile);
  try {
    const args = ['install', '-y', '-q', '--no-install-recommends', ...packages];
    const install = await runWithProgress('servers', 'apt-get', args, options);
    if (install.code !== 0) throw aptFailure(byHand, install.output);
  } finally {
    restore();
  }
}

/** @param {readonly string[]} missing */
async function installWithBrew(missing) {
  const packages = missing.map((program) => BREW_PACKAGES[program] ?? program);
  const result = await runWithProgress('servers', 'brew', ['install', ...packages], {
    env: process.env,
  });
  if (result.code === 0) return;
  throw new Failure(
    'Homebrew could not install the servers.',
    `${tail(result.output)}\nTry it by hand: brew install ${packages.join(' ')}`,
  );
}

/**
 * Keeps packages from starting services until the returned function is called. A policy that
 * already forbids it (in container images) stays as it is; another one is put aside, and brought
 * back at the next run should this one be killed.
 *
 * @param {string} policyFile
 */
function forbidServiceStarts(policyFile) {
  const saved = `${policyFile}.before-headgate`;
  if (existsSync(saved)) renameSync(saved, policyFile);
  if (existsSync(policyFile)) {
    if (spawnSync(policyFile, ['redis-server', 'start']).status === 101) return () => undefined;
    renameSync(policyFile, saved);
  }
  const restore = () => {
    process.off('exit', restore);
    if (existsSync(saved)) renameSync(saved, policyFile);
    else rmSync(policyFile, { force: true });
  };
  // An interrupted installation ends this process without reaching the caller's `finally`.
  process.on('exit', restore);
  writeFileSync(policyFile, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  return restore;
}

/**
 * @param {string} byHand
 * @param {string} output
 */
function aptFailure(byHand, output) {
  if (/No space left|not have enough free space/i.test(output)) {
    return new Failure('the disk is full: apt-get ran out of space.', 'Free some: apt-get clean');
  }
  if (/Could not resolve|Failed to fetch|Could not connect|Unable to connect/i.test(output)) {
    return new Failure(
      'apt-get cannot reach its package sources.',
      `Check the network, then run the command again, or by hand: ${byHand}`,
    );
  }
  if (/Could not get lock|Unable to acquire/i.test(output)) {
    return new Failure(
      'another program is installing packages at the moment.',
      'Wait until it has finished, then run the command again.',
    );
  }
  return new Failure('apt-get failed.', `${tail(output)}\nTry it by hand: ${byHand}`);
}

/** @param {string} output */
function tail(output) {
  return output.trim().split('\n').slice(-15).join('\n');
}
