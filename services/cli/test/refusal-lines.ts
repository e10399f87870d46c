import assert from 'node:assert/strict';
import { CliError } from '../src/cli-error.ts';

/** What a refusal tells, line by line; fails if nothing is refused. */
export function linesOf(run: () => void): readonly string[] {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof CliError);
    return [error.message, ...error.lines];
  }
  assert.fail('must be refused');
}
