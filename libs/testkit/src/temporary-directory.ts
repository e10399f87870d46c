import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A directory that its creator removes. */
export interface TemporaryDirectory {
  /** Absolute path. */
  readonly path: string;
  /** Deletes the directory with all that is in it. Idempotent. */
  remove(): Promise<void>;
}

/** Creates an empty directory below the system's directory for temporary files. */
export async function temporaryDirectory(name = 'test'): Promise<TemporaryDirectory> {
  const path = await mkdtemp(join(tmpdir(), `headgate-${name}-`));
  return {
    path,
    remove: () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }),
  };
}
