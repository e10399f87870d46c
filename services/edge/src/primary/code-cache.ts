import { chmod, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '@headgate/telemetry';

// Node writes the compiled code of a worker to `v26.10.0-x64-TAG-UID/HASH`, by way of `HASH.cache.XXXXXX`, and never removes
// any of it. TAG depends on V8 and its flags, HASH on the path of a source: each build may leave files that the next ignores.

/** Two builds of one version of Node: the one that runs and the one that it may be rolled back to. */
const FOLDERS_MAX = 2;
/** A folder larger than this, many times what a worker needs, holds mostly code of earlier builds: it begins anew. */
const FOLDER_BYTES_MAX = 64 * 1024 * 1024;
const FOLDER = /^v\d+\.\d+\.\d+.*-/;
/** What a write leaves that was interrupted, or that met a full disk. */
const TEMPORARY_FILE = /^[0-9a-f]{8}\.cache\./;

/**
 * Creates the directory of compiled code, for its owner alone, as workers run what is in it; removes what no worker will
 * use again. Before workers start, by the only edge of the data directory. A disk that refuses is told of: without this
 * directory a start only takes longer.
 */
export async function prepareCodeCache(
  directory: string,
  logger: Pick<Logger, 'warn'>,
): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await chmod(directory, 0o700); // one of an earlier build, or of a user
    const folders = await listFolders(directory);
    const own = folders.filter(({ name }) => name.startsWith(`${process.version}-`));
    const kept = own.toSorted((a, b) => b.changedMs - a.changedMs).slice(0, FOLDERS_MAX);
    for (const { name } of folders) {
      const path = join(directory, name);
      if (!kept.some((folder) => folder.name === name)) await remove(path);
      else await pruneFolder(path);
    }
  } catch (error) {
    logger.warn({ err: error }, 'the directory of compiled code was not tidied up');
  }
}

interface Folder {
  readonly name: string;
  readonly changedMs: number;
}

async function listFolders(directory: string): Promise<readonly Folder[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory() && FOLDER.test(entry.name));
  return Promise.all(
    names.map(async ({ name }) => ({
      name,
      changedMs: (await stat(join(directory, name))).mtimeMs,
    })),
  );
}

async function pruneFolder(path: string): Promise<void> {
  let bytes = 0;
  for (const name of await readdir(path)) {
    const file = join(path, name);
    if (TEMPORARY_FILE.test(name)) await remove(file);
    else bytes += (await stat(file)).size;
  }
  if (bytes > FOLDER_BYTES_MAX) await remove(path);
}

function remove(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true });
}
