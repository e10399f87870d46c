import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { temporaryDirectory } from '@headgate/testkit';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');

/** Import lines that the rules must refuse: file (it need not exist), code, and the rule expected. */
const VIOLATIONS: readonly (readonly [path: string, code: string, rule: string])[] = [
  ['libs/routing/src/probe.ts', "import 'ioredis';", 'boundaries'],
  ['libs/limiting/src/probe.ts', "import 'undici';", 'boundaries'],
  ['libs/model/src/probe.ts', "import '@opentelemetry/api';", 'boundaries'],
  ['libs/runtime/src/probe.ts', "import '@headgate/routing';", 'boundaries'],
  ['libs/routing/src/probe.ts', "import '@headgate/bus';", 'boundaries'],
  ['libs/bus/src/probe.ts', "import '@headgate/testkit';", 'boundaries'],
  ['libs/bus/src/probe.ts', "import '../../../services/edge/src/main.ts';", 'boundaries'],
  ['services/edge/src/probe.ts', "import '../../config-service/src/main.ts';", 'boundaries'],
  ['services/config-service/src/probe.ts', "import '../../edge/src/main.ts';", 'boundaries'],
  [
    'services/config-service/src/probe.ts',
    "import '../../health-service/src/main.ts';",
    'boundaries',
  ],
  ['services/cli/src/probe.ts', "import '../../config-service/src/main.ts';", 'boundaries'],
  ['services/edge/src/probe.ts', "import '@headgate/testkit';", 'boundaries'],
  ['deploy/local/probe.ts', "import '@headgate/testkit';", 'boundaries'],
  ['deploy/local/probe.ts', "import '../../services/edge/src/main.ts';", 'boundaries'],
  ['libs/http1/src/probe.ts', "export { connect } from 'node:net';", 'no-restricted-imports'],
  ['libs/balancing/src/probe.ts', "export * from 'node:fs/promises';", 'no-restricted-imports'],
];

/** Imports that the rules must let pass; they show that the ones above fail for the stated reason. */
const ALLOWED: readonly (readonly [path: string, code: string])[] = [
  ['libs/routing/src/probe.ts', "import '@headgate/model';"],
  ['libs/model/src/probe.ts', "import 'zod';"],
  ['libs/model/src/probe.ts', "export { isIP } from 'node:net';"],
  ['libs/limiting-redis/src/probe.ts', "import 'ioredis';"],
  ['libs/limiting-redis/src/probe.ts', "import '@headgate/limiting';"],
  ['libs/bus/src/probe.test.ts', "import '@headgate/testkit';"],
  ['services/edge/src/probe.ts', "import '@headgate/limiting-redis';"],
  ['services/edge/test/probe.ts', "import '@headgate/testkit';"],
  ['loadtest/src/probe.ts', "import '@headgate/testkit';"],
];

interface LintReply {
  readonly output: string;
  /** One list of rule names per linted code, in order. */
  readonly rules: readonly (readonly string[])[];
}

/** Lints pieces of code as if they were the files named, with the real configuration. */
async function lint(cases: readonly (readonly string[])[], nxData: string): Promise<LintReply> {
  const { stdout } = await run(
    process.execPath,
    [join(import.meta.dirname, 'lint-texts.mjs'), JSON.stringify(cases)],
    { cwd: ROOT, env: { ...process.env, NX_WORKSPACE_DATA_DIRECTORY: nxData }, timeout: 60_000 },
  );
  const lines = stdout.trimEnd().split('\n');
  const rules = JSON.parse(lines.pop() ?? '') as string[][]; // written by lint-texts.mjs
  return { output: lines.join('\n'), rules };
}

test('lint enforces the import rules in a clone that has no project graph yet', async (t) => {
  const nxData = await temporaryDirectory('nx');
  t.after(() => nxData.remove());
  const { output, rules } = await lint([...VIOLATIONS, ...ALLOWED], nxData.path);
  assert.doesNotMatch(output, /will be skipped/);
  VIOLATIONS.forEach(([path, code, rule], index) => {
    const expected = rule === 'boundaries' ? '@nx/enforce-module-boundaries' : rule;
    assert.deepEqual(rules[index], [expected], `${path}: ${code}`);
  });
  ALLOWED.forEach(([path, code], index) => {
    assert.deepEqual(rules[VIOLATIONS.length + index], [], `${path}: ${code}`);
  });
});
