import { bundleJsonSchema } from '@headgate/model';
import {
  addGlobalOptions,
  withContext,
  type GlobalOptions,
  type ProgramParts,
} from './command-options.ts';
import { plan } from './commands/plan.ts';
import { validate } from './commands/validate.ts';

const VALIDATE_HELP = `
Needs no server and no token. A folder is read as one bundle: its .yaml, .yml and .json files, not those
of subfolders nor hidden ones. Faults are shown as FILE:LINE:COLUMN with path, value and rule. Whether a
plan that the bundle does not define exists, and whether another tenant has a host, the server knows:
see "headgate plan".

Examples:
  $ headgate validate -f tenants/            in a pre-commit hook: exit code 1 means faults
  $ headgate validate -f acme.yaml -o json | jq '.faults[]'`;

const PLAN_HELP = `
Asks the server what applying the bundle would change; nothing is written. Below the fields it says what
that means: tenants and plans touched, routes, limits tightened or loosened (compared by name), API keys
revoked, tenants suspended, and whose WebSockets would be cut: those of suspended tenants and revoked keys.
All other connections stay open, and what is under way on them ends with the revision it began with.

Examples:
  $ headgate plan -f tenants/
  $ headgate plan -f tenants/ --detailed-exitcode   exit code 5: there is something to change
  $ headgate plan -f tenants/ -o json | jq '.impact.limits'`;

const SCHEMA_HELP = `
For editors: a file whose first line is "# yaml-language-server: $schema=bundle.schema.json" is completed
and checked while it is written. Needs no server.

Examples:
  $ headgate schema > bundle.schema.json`;

const FILE_HELP = 'YAML or JSON file, a folder, or - for standard input';

/** Adds the commands that read a bundle and write nothing: validate, plan, schema. */
export function addBundleCommands(parts: ProgramParts): void {
  const { io, terminal } = parts;
  const check = parts.program
    .command('validate')
    .description('Check a bundle without a server; every fault with file and line.')
    .requiredOption('-f, --file <path>', FILE_HELP)
    .addHelpText('after', VALIDATE_HELP);
  addGlobalOptions(check).action((options: { file: string }) => {
    const { output = 'table' } = check.optsWithGlobals<GlobalOptions>();
    return validate({ io, terminal, output }, options);
  });
  const preview = parts.program
    .command('plan')
    .description('Show what applying a bundle would change, and what that means for tenants.')
    .requiredOption('-f, --file <path>', FILE_HELP)
    .option('--detailed-exitcode', 'exit with 5 if there is something to change', false)
    .addHelpText('after', PLAN_HELP);
  addGlobalOptions(preview).action((options: { file: string; detailedExitcode: boolean }) =>
    withContext(preview, parts, (context) => plan(context, options)),
  );
  parts.program
    .command('schema')
    .description('Print the JSON Schema of a bundle, for editors.')
    .option('--no-color', 'no colours')
    .addHelpText('after', SCHEMA_HELP)
    .action(() => terminal.print(JSON.stringify(bundleJsonSchema(), null, 2)));
}
