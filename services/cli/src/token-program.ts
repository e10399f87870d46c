import { Role } from '@headgate/model';
import { Option } from 'commander';
import { CliError, EXIT } from './cli-error.ts';
import { addGlobalOptions, collect, withContext, type ProgramParts } from './command-options.ts';
import { tokenCreate, tokenList, tokenRevoke, tokenShow } from './commands/token.ts';

const TOKEN_HELP = `
Access tokens are the credentials of people and programs for the management API. A platform_admin may
do everything, a tenant_admin changes what belongs to its tenants, a viewer reads. Only a
platform_admin makes, lists and revokes them; the audit tells who did.

Examples:
  $ headgate token create acme-ci --role tenant_admin --tenant acme --expires 2027-01-01T00:00:00Z
  $ headgate token create grafana --role viewer --all-tenants
  $ headgate token list
  $ headgate token revoke acme-ci --yes      the next request with it gets 401`;

interface CreateOptions {
  readonly role: Role;
  readonly tenant: readonly string[];
  readonly allTenants: boolean;
  readonly name?: string;
  readonly expires?: string;
}

/** Adds `headgate token create|list|show|revoke`. */
export function addTokenCommands(parts: ProgramParts): void {
  const token = parts.program
    .command('token')
    .description('Create, list, show or revoke access tokens of the management API.')
    .addHelpText('after', TOKEN_HELP);
  const nested: ProgramParts = { ...parts, program: token };
  addCreate(nested);
  addList(nested);
  addShow(nested);
  addRevoke(nested);
}

function addCreate(parts: ProgramParts): void {
  const command = parts.program
    .command('create')
    .description('Create an access token and show it, this once.')
    .argument('<id>', 'id of the new token: a-z, 0-9 and -')
    .addOption(
      new Option('--role <role>', 'what it may do').choices(Role.options).makeOptionMandatory(),
    )
    .option('-t, --tenant <id>', 'a tenant that it is for; give it again for more', collect, [])
    .option('--all-tenants', 'for a viewer of all tenants', false)
    .option('--name <text>', 'name for people')
    .option('--expires <time>', 'refuse the token from then on, such as 2027-01-01T00:00:00Z')
    .addHelpText('after', TOKEN_HELP);
  addGlobalOptions(command).action((id: string, options: CreateOptions) => {
    const { role, name, expires: expiresAt } = options;
    const tenants = tenantsOf(options);
    return withContext(command, parts, (context) =>
      tokenCreate(context, { id, role, tenants, name, expiresAt }),
    );
  });
}

function addList(parts: ProgramParts): void {
  const command = parts.program
    .command('list')
    .description('List access tokens, expired ones too; never the tokens themselves.');
  addGlobalOptions(command).action(() => withContext(command, parts, tokenList));
}

function addShow(parts: ProgramParts): void {
  const command = parts.program
    .command('show')
    .description('Show one access token, without the token itself.')
    .argument('<id>', 'id of the token');
  addGlobalOptions(command).action((id: string) =>
    withContext(command, parts, (context) => tokenShow(context, { id })),
  );
}

function addRevoke(parts: ProgramParts): void {
  const command = parts.program
    .command('revoke')
    .description('Revoke an access token; it cannot be undone.')
    .argument('<id>', 'id of the token')
    .option('-y, --yes', 'revoke without asking', false);
  addGlobalOptions(command).action((id: string, { yes }: { yes: boolean }) =>
    withContext(command, parts, (context) => tokenRevoke(context, { id, yes })),
  );
}

function tenantsOf({ tenant, allTenants }: CreateOptions): '*' | readonly string[] | undefined {
  if (allTenants && tenant.length > 0) {
    throw new CliError(EXIT.usage, 'either --tenant or --all-tenants, not both');
  }
  if (allTenants) return '*';
  return tenant.length === 0 ? undefined : tenant;
}
