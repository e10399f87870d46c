import { mkdir } from 'node:fs/promises';
import { StartError } from '@headgate/runtime';
import {
  DirectoryInUseError,
  lockDirectory,
  type DirectoryLock,
  type Logger,
} from '@headgate/telemetry';
import type { LoadedSnapshots, SnapshotFiles } from './snapshot-files.ts';

// An edge serves without its disk: a full, read-only or broken one is told of and passed over.

/**
 * Takes the data directory for this edge alone; null if it cannot be locked.
 *
 * @throws StartError if another process works in it: two edges would delete each other's files.
 */
export async function lockDataDirectory(
  directory: string,
  logger: Pick<Logger, 'error'>,
): Promise<DirectoryLock | null> {
  try {
    await mkdir(directory, { recursive: true });
    return await lockDirectory(directory);
  } catch (error) {
    if (error instanceof DirectoryInUseError) {
      throw StartError.from('each edge needs a HEADGATE_DATA_DIR of its own', error);
    }
    logger.error({ err: error }, 'the data directory cannot be locked');
    return null;
  }
}

/** Reads the last good configuration; none if it cannot be read. */
export async function loadSnapshots(
  files: Pick<SnapshotFiles, 'load'>,
  logger: Pick<Logger, 'error' | 'warn' | 'info'>,
): Promise<LoadedSnapshots> {
  try {
    const loaded = await files.load();
    const fields = { documents: loaded.documents.size, damaged: loaded.damaged };
    if (loaded.damaged > 0) logger.warn(fields, 'last good configuration restored, not all of it');
    else if (fields.documents > 0) logger.info(fields, 'last good configuration restored');
    return loaded;
  } catch (error) {
    logger.error({ err: error }, 'the last good configuration was not read');
    return { documents: new Map(), damaged: 0 };
  }
}
