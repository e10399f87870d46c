// Lints pieces of code with the workspace's configuration as if they lay at the given paths, without writing them
// into the tree. Argument: JSON list of [path, code]. Last line of output: JSON list of lists of rule names.
import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';

const eslint = new ESLint({
  // Rules that need types need files on disk; the import rules do not.
  overrideConfig: [{ files: ['**/*.ts'], ...tseslint.configs.disableTypeChecked }],
});
const rules = [];
for (const [filePath, code] of JSON.parse(process.argv[2])) {
  const results = await eslint.lintText(`${code}\n`, { filePath });
  rules.push(
    results.flatMap(({ messages }) => messages.map(({ ruleId, message }) => ruleId ?? message)),
  );
}
process.stdout.write(`${JSON.stringify(rules)}\n`);
