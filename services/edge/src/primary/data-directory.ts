import { mkdir } from 'node:fs/promises';
import { StartError } from '@headgate/runtime';
import {
  DirectoryInUseError,
  lockDirectory,
  type DirectoryLock,
  type Logger,
} from '@headgate/telemetry';
import { mergeGenerations, type LoadedSnapshots } from './merge-generations.ts';
import type { SnapshotFiles } from './snapshot-files.ts';
import type { StartMarks } from './start-marks.ts';

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

/** Marks this start; returns how many before it, in a row, did not last, or 0 if the disk does not tell. */
export async function markStart(
  marks: Pick<StartMarks, 'mark'>,
  logger: Pick<Logger, 'error'>,
): Promise<number> {
  try {
    return await marks.mark();
  } catch (error) {
    logger.error({ err: error }, 'this start could not be marked');
    return 0;
  }
}

/** Reads the last good configuration; none if it cannot be read. */
export async function loadSnapshots(
  files: Pick<SnapshotFiles, 'load'>,
  logger: Pick<Logger, 'error' | 'warn' | 'info'>,
): Promise<LoadedSnapshots> {
  try {
    const loaded = await files.load();
    const fields = {
      documents: loaded.documents.size,
      onProbation: loaded.fresh.size,
      withdrawn: loaded.withdrawn.size,
      damaged: loaded.damaged,
    };
    if (loaded.damaged > 0 && !loaded.whole) {
      logger.error(
        fields,
        'the last good configuration is damaged; not ready before the first sync',
      );
    } else if (loaded.damaged > 0) {
      logger.warn(fields, 'last good configuration restored, not all of it');
    } else if (fields.documents > 0) logger.info(fields, 'last good configuration restored');
    return loaded;
  } catch (error) {
    logger.error({ err: error }, 'the last good configuration was not read');
    return mergeGenerations([]);
  }
}
