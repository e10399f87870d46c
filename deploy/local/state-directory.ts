import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Failure } from './bootstrap/failure.mjs';

/** The folder that one local cluster owns while it runs. */
export interface StateDirectory {
  readonly path: string;
  /** Bearer token of the config-service, made at the first start. */
  readonly adminToken: string;
  /** Key of the cluster's secrets, made at the first start. */
  readonly secretsKey: string;
  /** Gives the folder up, for the next start. Idempotent. */
  release(): void;
}

const FREE_BYTES_MIN = 300e6;
const LOCK = 'lock';
const TOKEN = 'admin-token';
const SECRETS_KEY = 'secrets-key';
/** Names in the folder that components.ts, demo-bundle.ts and this file make. */
const CLUSTER_DATA =
  /^(?:admin-token|secrets-key|config|health|nats|edge-\d|demo\.yaml|demo-applied)$/;

/**
 * Opens the folder, alone: creates it if need be, takes its lock, makes the admin token and the key of secrets.
 *
 * @param options.fresh deletes what earlier runs left.
 * @throws Failure if another cluster has it, it cannot be written, or the disk is full.
 */
export function openStateDirectory(
  path: string,
  options: { readonly fresh: boolean },
): StateDirectory {
  try {
    mkdirSync(path, { recursive: true });
    takeLock(path);
  } catch (error) {
    throw describeWriteError(path, error);
  }
  let held = true;
  const release = () => {
    if (held) rmSync(join(path, LOCK), { force: true });
    held = false;
  };
  try {
    if (options.fresh) removeClusterData(path);
    checkFreeSpace(path);
    const adminToken = readOrCreate(join(path, TOKEN), () => `hgt_${randomText()}`);
    return {
      path,
      adminToken,
      secretsKey: readOrCreate(join(path, SECRETS_KEY), randomText),
      release,
    };
  } catch (error) {
    release();
    throw describeWriteError(path, error);
  }
}

function takeLock(path: string): void {
  const lock = join(path, LOCK);
  const content = `${process.pid}\n`;
  try {
    writeFileSync(lock, content, { flag: 'wx' });
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    const pid = Number.parseInt(readFileSync(lock, 'utf8'), 10);
    if (pid !== process.pid && isCluster(pid)) {
      throw new Failure(
        `a cluster with its data in ${path} runs already (pid ${pid}).`,
        `Use that one, stop it (kill ${pid}), or start a second one beside it:\n` +
          'npm start -- --data-dir .headgate/second --port-base 9000',
      );
    }
    // Its owner was killed: pids are used again, so the command line decides, not the pid alone.
    writeFileSync(lock, content);
  }
}

function isCluster(pid: number): boolean {
  if (!(pid > 0)) return false;
  const file = `/proc/${pid}/cmdline`;
  const command = existsSync('/proc/self/cmdline')
    ? existsSync(file)
      ? readFileSync(file, 'utf8')
      : ''
    : spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout;
  return command.includes('start.ts');
}

/**
 * Deletes what a cluster makes in its folder, and nothing else: `--data-dir` may name a folder that holds other things
 * too, or the folders of other clusters. Without a token no cluster has been here.
 */
function removeClusterData(path: string): void {
  if (!existsSync(join(path, TOKEN))) return;
  for (const name of readdirSync(path)) {
    if (CLUSTER_DATA.test(name)) rmSync(join(path, name), { recursive: true, force: true });
  }
}

function checkFreeSpace(path: string): void {
  const { bavail, bsize } = statfsSync(path);
  if (bavail * bsize < FREE_BYTES_MIN) throw diskFull(path);
}

/** The failure for a disk without space. */
export function diskFull(path: string): Failure {
  return new Failure(
    `the disk of ${path} is full; ${FREE_BYTES_MIN / 1e6} MB must be free.`,
    'Free some space, or keep the data elsewhere: npm start -- --data-dir /path/with/space',
  );
}

function randomText(): string {
  return randomBytes(32).toString('base64url');
}

/** A secret of one line, for the eyes of the owner alone. */
function readOrCreate(file: string, make: () => string): string {
  const present = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  if (present.length >= 16) {
    chmodSync(file, 0o600);
    return present;
  }
  const secret = make();
  writeFileSync(file, `${secret}\n`, { mode: 0o600 });
  return secret;
}

function describeWriteError(path: string, error: unknown): unknown {
  const code = errorCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') return diskFull(path);
  if (code === 'EEXIST') {
    return new Failure(
      `${path} is not a folder.`,
      'Name another place for the data: npm start -- --data-dir /path',
    );
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || code === 'ENOTDIR') {
    return new Failure(
      `${path} cannot be written (${code}).`,
      'Make it yours, or keep the data elsewhere: npm start -- --data-dir /path',
    );
  }
  return error;
}

function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
