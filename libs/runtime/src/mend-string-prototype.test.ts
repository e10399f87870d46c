import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const MODULE = fileURLToPath(new URL('mend-string-prototype.ts', import.meta.url));

test('the prototype of strings is fast again after a class has extended String', () => {
  const program = `
    const { mendStringPrototype } = await import(${JSON.stringify(MODULE)});
    class Verbatim extends String {}
    const before = %HasFastProperties(String.prototype);
    mendStringPrototype();
    console.log(before, %HasFastProperties(String.prototype), new Verbatim('a') instanceof String);`;
  const args = ['--allow-natives-syntax', '--input-type=module', '--eval', program];
  assert.equal(execFileSync(process.execPath, args, { encoding: 'utf8' }), 'false true true\n');
});
