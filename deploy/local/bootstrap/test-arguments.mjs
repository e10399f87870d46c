import { statSync } from 'node:fs';
import { join } from 'node:path';

const FOLDERS = '{libs,services,deploy,loadtest}';

/**
 * Two files at a time: real-process tests share the cores with the servers that they start, and a
 * CI machine has two.
 */
const CONCURRENCY = 2;

/** A single test that takes longer hangs. */
const TEST_TIMEOUT_MS = 300_000;

/**
 * Arguments of `node` for the test run: everything in one run, so that there is one summary.
 *
 * @param {string} root
 * @param {readonly string[]} extra flags go to node; files, folders and globs narrow the run
 * @returns {string[]}
 */
export function testArguments(root, extra) {
  const flags = extra.filter((argument) => argument.startsWith('-'));
  const places = extra.filter((argument) => !argument.startsWith('-'));
  const patterns = places.map((place) =>
    isFolder(join(root, place)) ? `${place.replace(/\/+$/, '')}/**/*.test.ts` : place,
  );
  return [
    '--test',
    `--test-concurrency=${CONCURRENCY}`,
    `--test-timeout=${TEST_TIMEOUT_MS}`,
    '--test-reporter=spec',
    ...flags,
    ...(patterns.length > 0 ? patterns : [`${FOLDERS}/**/*.test.ts`]),
  ];
}

/** @param {string} path */
function isFolder(path) {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
