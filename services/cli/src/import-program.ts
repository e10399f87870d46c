import { Option } from 'commander';
import {
  addGlobalOptions,
  addWaitOption,
  waitMsOf,
  withContext,
  type ProgramParts,
} from './command-options.ts';
import { CliError, EXIT } from './cli-error.ts';
import { importBundle, type ImportOptions } from './commands/import.ts';
import type { KongOptions } from './kong/read-kong.ts';
import { CONFLICT_MODES } from './merge-bundle.ts';

const IMPORT_HELP = `
Creates what the bundle holds and the cluster lacks, such as tenants that were exported from another one.
Nothing is ever deleted: unlike "headgate apply", upstreams, JWT issuers and routes of a tenant that the
bundle does not hold stay. What is there and differs is shown, and nothing is imported unless --on-conflict says what is to
become of it. API keys are imported by their hashes, so the keys that clients have go on working.

--from kong makes a tenant out of a declarative file of Kong ("deck gateway dump"), and tells all that is not
quite the same, or cannot be translated: then nothing is imported without --accept-losses.

Examples:
  $ headgate export --all --url https://old.example > old.yaml
  $ headgate import -f old.yaml --dry-run              what would be new, what is there and differs?
  $ headgate import -f old.yaml --on-conflict skip     leave what differs as it is
  $ headgate import -f acme.yaml --yes --wait          from a script: exit code 3 if something differs
  $ headgate import --from kong -f kong.yaml --tenant shop --plan gold --print > shop.yaml`;

/** Adds `headgate import`. */
export function addImportCommand(parts: ProgramParts): void {
  const command = parts.program
    .command('import')
    .description('Create what a bundle holds and the cluster lacks; deletes nothing.')
    .requiredOption('-f, --file <path>', 'YAML or JSON file, a folder, or - for standard input')
    .addOption(
      new Option('--on-conflict <mode>', 'what becomes of what is there and differs')
        .choices(CONFLICT_MODES)
        .default('fail'),
    )
    .addOption(new Option('--from <gateway>', 'what wrote the file').choices(['kong']))
    .option('--tenant <id>', 'with --from: the tenant that it becomes')
    .option('--plan <id>', 'with --from: the plan of the tenant, which must be there')
    .option('--accept-losses', 'with --from: go on without what cannot be translated', false)
    .option('--print', 'print the bundle, and ask no server', false)
    .option('-y, --yes', 'import without asking', false)
    .option('--dry-run', 'only show the plan', false)
    .addHelpText('after', IMPORT_HELP);
  addWaitOption(command);
  addGlobalOptions(command).action(({ wait, ...options }: Options) => {
    const kong = kongOptionsOf(options);
    return withContext(command, parts, (context) =>
      importBundle(context, { ...options, kong, waitMs: waitMsOf(wait) }),
    );
  });
}

interface Options extends Omit<ImportOptions, 'kong' | 'waitMs'> {
  readonly from?: 'kong';
  readonly tenant?: string;
  readonly plan?: string;
  readonly acceptLosses: boolean;
  readonly wait?: number | true;
}

/** @throws CliError for options that need one another. */
function kongOptionsOf({ from, tenant, plan, acceptLosses }: Options): KongOptions | null {
  if (from === undefined) {
    if (tenant === undefined && plan === undefined && !acceptLosses) return null;
    throw new CliError(EXIT.usage, '--tenant, --plan and --accept-losses go with --from');
  }
  if (tenant !== undefined && plan !== undefined) {
    return { tenantId: tenant, planId: plan, acceptLosses };
  }
  throw new CliError(EXIT.usage, `which tenant is it to become, and on which plan?`, [
    'Example: headgate import --from kong -f kong.yaml --tenant shop --plan gold',
  ]);
}
