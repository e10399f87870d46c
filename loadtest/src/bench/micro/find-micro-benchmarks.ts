import { glob } from 'node:fs/promises';
import { sep } from 'node:path';

/** Files `bench/*.bench.ts` beside the code of libraries and services, relative to `root`, with `/`, sorted. */
export async function findMicroBenchmarks(root: string): Promise<readonly string[]> {
  const files: string[] = [];
  for await (const file of glob('{libs,services}/*/bench/*.bench.ts', { cwd: root })) {
    files.push(file.split(sep).join('/'));
  }
  return files.sort();
}
