import { join } from 'node:path';

/** Absolute path of the top folder of the repository. */
export const WORKSPACE_ROOT = join(import.meta.dirname, '../..');
