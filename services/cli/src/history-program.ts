import { Option } from 'commander';
import {
  addGlobalOptions,
  addWaitOption,
  parseCount,
  parseInterval,
  waitMsOf,
  withContext,
  type ProgramParts,
} from './command-options.ts';
import { audit, type AuditOptions } from './commands/audit.ts';
import { diff } from './commands/diff.ts';
import { drift } from './commands/drift.ts';
import { exportBundle } from './commands/export.ts';
import { history } from './commands/history.ts';
import { rollback, type ApiKeyMode } from './commands/rollback.ts';

const ENTRIES_DEFAULT = 20;

const HISTORY_HELP = `
The config-service keeps the newest 100 revisions of each tenant, those of a deleted one for 30 days.

Examples:
  $ headgate history acme                    who changed what, and when
  $ headgate history acme --limit 100
  $ headgate diff acme 41                    what has changed since revision 41
  $ headgate rollback acme 41                go back to it`;

const DIFF_HELP = `
Compares two revisions of a tenant field by field, or with -f a bundle with the cluster. Secrets are
never shown: only that they differ.

Examples:
  $ headgate diff acme 41                    from revision 41 to the newest
  $ headgate diff acme 41 44                 between two revisions
  $ headgate diff -f tenants/                what applying the bundle would change, field by field`;

const DRIFT_HELP = `
Compares the cluster with a bundle, such as the one in Git, and fails with exit code 5 if they differ.
API keys, and tenants that the bundle does not name, are left out. Without -f the bundle is the one that
was declared ("headgate apply --declare"), for which the config-service watches by itself.

Examples:
  $ headgate drift                           from what was declared, and since when
  $ headgate drift -f tenants/               from a scheduled job: exit code 5 means drift
  $ headgate drift -f tenants/ -o json | jq '.changes[].id'
  $ headgate drift -f tenants/ --watch 5m    a line whenever drift begins, changes or ends
  $ headgate drift -f tenants/ --watch 5m -o json   a line of JSON for each check, for a log`;

const ROLLBACK_HELP = `
The tenant, its upstreams, JWT issuers and routes become what they were, as a new revision; a deleted
tenant comes back. API keys stay as they are now unless --api-keys restore is given: then keys that were
deleted since work again. Plans are not touched. Shows what would change first, and asks. If somebody
changes the tenant in between, it is refused.

Examples:
  $ headgate history acme                    find the revision
  $ headgate rollback acme 41 --dry-run      what would change?
  $ headgate rollback acme 41 --yes --wait   from a script: no question, fail if an edge lags`;

const EXPORT_HELP = `
Prints a bundle: the tenant, or with --all every tenant and plan, with all that belongs to them. API
keys are exported by their hashes. Applied to the same cluster it changes nothing; "headgate import" brings
it to another one.

Examples:
  $ headgate export acme > acme.yaml
  $ headgate export --all -o json > backup.json
  $ headgate export --all --dir tenants/       a start for a Git folder`;

const AUDIT_HELP = `
Every change that was made, newest first. The database refuses to alter it.

Examples:
  $ headgate audit --tenant acme             all that was done to acme
  $ headgate audit --actor admin --action delete --from 2026-11-01T00:00:00Z
  $ headgate audit --limit 1000 -o json | jq '.[].changes'`;

/** Adds the commands about what was: history, diff, drift, rollback, export, audit. */
export function addHistoryCommands(parts: ProgramParts): void {
  addHistory(parts);
  addDiff(parts);
  addDrift(parts);
  addRollback(parts);
  addExport(parts);
  addAudit(parts);
}

function addHistory(parts: ProgramParts): void {
  const command = parts.program
    .command('history')
    .description('Show the revisions of a tenant, newest first.')
    .argument('<tenant>', 'id of the tenant')
    .option('--limit <count>', 'most revisions to show', parseCount, ENTRIES_DEFAULT)
    .addHelpText('after', HISTORY_HELP);
  addGlobalOptions(command).action((tenantId: string, { limit }: { limit: number }) =>
    withContext(command, parts, (context) => history(context, { tenantId, limit })),
  );
}

function addDiff(parts: ProgramParts): void {
  const command = parts.program
    .command('diff')
    .description('Compare two revisions of a tenant, or a bundle with the cluster.')
    .argument('[tenant]', 'id of the tenant')
    .argument('[from]', 'revision', parseCount)
    .argument('[to]', 'revision (default: the newest)', parseCount)
    .option('-f, --file <path>', 'a bundle instead: file, folder, or - for standard input')
    .addHelpText('after', DIFF_HELP);
  addGlobalOptions(command).action(
    (tenantId?: string, from?: number, to?: number, options: { file?: string } = {}) =>
      withContext(command, parts, (context) =>
        diff(context, { tenantId, from, to, file: options.file }),
      ),
  );
}

function addDrift(parts: ProgramParts): void {
  const command = parts.program
    .command('drift')
    .description('Fail if the cluster is not as a bundle says.')
    .option('-f, --file <path>', 'YAML or JSON file, a folder, or - (default: what was declared)')
    .option(
      '--watch <interval>',
      'check again and again, such as every 30s, 5m or 1h',
      parseInterval,
    )
    .option('--times <count>', 'with --watch: end after so many checks', parseCount)
    .addHelpText('after', DRIFT_HELP);
  addGlobalOptions(command).action((options: { file?: string; watch?: number; times?: number }) => {
    const { file = null, watch: watchMs = null, times = null } = options;
    return withContext(command, parts, (context) => drift(context, { file, watchMs, times }));
  });
}

function addRollback(parts: ProgramParts): void {
  const command = parts.program
    .command('rollback')
    .description('Make a tenant again what it was at a revision.')
    .argument('<tenant>', 'id of the tenant')
    .argument('<revision>', 'as "headgate history" shows it', parseCount)
    .option('-y, --yes', 'roll back without asking', false)
    .option('--dry-run', 'only show what would change', false)
    .addOption(
      new Option('--api-keys <mode>', 'what becomes of API keys')
        .choices(['keep', 'restore'])
        .default('keep'),
    )
    .addHelpText('after', ROLLBACK_HELP);
  addWaitOption(command);
  type Options = { yes: boolean; dryRun: boolean; apiKeys: ApiKeyMode; wait?: number | true };
  addGlobalOptions(command).action((tenantId: string, revision: number, options: Options) =>
    withContext(command, parts, (context) =>
      rollback(context, { ...options, tenantId, revision, waitMs: waitMsOf(options.wait) }),
    ),
  );
}

function addExport(parts: ProgramParts): void {
  const command = parts.program
    .command('export')
    .description('Print a tenant, or everything, as a bundle.')
    .argument('[tenant]', 'id of the tenant')
    .option('--all', 'every plan, shared upstream and tenant', false)
    .option('--dir <path>', 'write YAML files to a new folder, one for each tenant')
    .addHelpText('after', EXPORT_HELP);
  type Options = { all: boolean; dir?: string };
  addGlobalOptions(command).action((tenantId: string | undefined, { all, dir }: Options) =>
    withContext(command, parts, (context) => exportBundle(context, { tenantId, all, dir })),
  );
}

function addAudit(parts: ProgramParts): void {
  const command = parts.program
    .command('audit')
    .description('Show who changed what, when and from where.')
    .option('-t, --tenant <id>', 'the tenant and all that belongs to it')
    .option('--actor <name>', 'who made the change')
    .addOption(
      new Option('--action <action>', 'what was done').choices(['create', 'update', 'delete']),
    )
    .option('--from <time>', 'at this time and later, such as 2026-11-01T00:00:00Z')
    .option('--to <time>', 'up to and at this time')
    .option('--limit <count>', 'most changes to show', parseCount, ENTRIES_DEFAULT)
    .addHelpText('after', AUDIT_HELP);
  addGlobalOptions(command).action((options: AuditOptions) =>
    withContext(command, parts, (context) => audit(context, options)),
  );
}
