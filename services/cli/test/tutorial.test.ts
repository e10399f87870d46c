import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { createHttpOrigin } from '@headgate/testkit';
import { CLUSTER_TOKEN, startCliCluster } from './cli-cluster.ts';

// The page is the test: its shell blocks run one after another in one shell, and each must print
// what the text block that follows it shows.

const root = join(import.meta.dirname, '..', '..', '..');
const SCRIPT_TIMEOUT_MS = 60_000;
/** Between the outputs of two blocks. */
const MARK = '=== end of a block ===';

/** A shell block of the page, and the text block after it; null if there is none. */
interface Step {
  readonly script: string;
  readonly expected: string | null;
}

function readSteps(page: string): Step[] {
  const blocks = Array.from(page.matchAll(/^```(sh|text)\n(.*?)^```$/gms), (match) => ({
    language: match[1] ?? '',
    text: match[2] ?? '',
  }));
  return blocks.flatMap(({ language, text: script }, index) => {
    if (language !== 'sh') return [];
    const next = blocks[index + 1];
    return [{ script, expected: next?.language === 'text' ? next.text : null }];
  });
}

/** Whether the output is as shown: `…` is any text, and any number of spaces is as good as another. */
function matcherOf(expected: string): RegExp {
  const source = expected
    .trim()
    .split('…')
    .map((text) => text.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&').replaceAll(/ +/g, ' +'))
    .join('.+?');
  return new RegExp(`^${source}$`, 's');
}

test('the tutorial works as it is written, from a bundle to a rollback', async (t) => {
  const cluster = await startCliCluster({ edge: true });
  t.after(() => cluster.stop());
  const backend = await createHttpOrigin((_request, response) => void response.end('a cat'));
  t.after(() => backend.close());
  const page = await readFile(join(root, 'docs', 'tutorial.md'), 'utf8');
  const steps = readSteps(page);
  assert.ok(steps.length >= 7, `${steps.length} steps`);

  // npx looks for the package for half a second each time; what it would run is run here.
  const command = `npx() { shift; '${process.execPath}' '${join(root, 'services/cli/src/main.ts')}' "$@"; }`;
  const script = steps.map((step) => `${step.script}echo '${MARK}'\n`).join('');
  const { stdout } = await promisify(execFile)(
    'bash',
    ['-c', `set -e\n${command}\n${local(script)}`],
    {
      cwd: cluster.folder,
      timeout: SCRIPT_TIMEOUT_MS,
      env: { ...process.env, HEADGATE_URL: cluster.url, HEADGATE_ADMIN_TOKEN: CLUSTER_TOKEN },
    },
  );
  const outputs = stdout.split(`${MARK}\n`);
  assert.equal(outputs.length, steps.length + 1, 'every block ran to its end');
  for (const [index, { script: shown, expected }] of steps.entries()) {
    const output = outputs[index]?.trim() ?? '';
    if (expected === null) assert.equal(output, '', shown);
    else assert.match(output, matcherOf(expected), shown);
  }

  /** The page names the ports of the local cluster. */
  function local(text: string): string {
    return text
      .replaceAll('localhost:8080', `localhost:${cluster.edgePort}`)
      .replaceAll('port: 8121', `port: ${backend.port}`);
  }
});
