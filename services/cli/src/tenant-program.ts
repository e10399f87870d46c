import {
  addGlobalOptions,
  addWaitOption,
  collect,
  waitMsOf,
  withContext,
  type ProgramParts,
} from './command-options.ts';
import { onboard, type OnboardOptions } from './commands/onboard.ts';
import { offboard } from './commands/offboard.ts';
import { setStatus, type TenantStatus } from './commands/set-status.ts';

const SUSPEND_HELP = `
Every request of the tenant gets 403 (HG_TENANT_SUSPENDED) from then on; requests under way end as they
began. All that belongs to the tenant stays. Applying a bundle that says nothing of its status, or that
it is active, resumes it: change the bundle too. A change that somebody makes at the same time is not
lost: the command is refused then.

Examples:
  $ headgate suspend acme --wait             fail if an edge lags
  $ headgate resume acme --wait              undo it`;

const OFFBOARD_HELP = `
Exports the tenant to a file, shows what will be gone, asks, suspends the tenant, waits until all live
edges refuse its requests, and deletes it. If a step fails, or somebody changes the tenant meanwhile,
nothing is deleted. It can be brought back: see what the command says at its end. Edges do not cut
requests that are under way.

Examples:
  $ headgate offboard acme                   asks before it deletes
  $ headgate offboard acme --yes --export /backup/acme.yaml`;

const ONBOARD_HELP = `
A template is a tenant, as in a bundle, with \${NAME} for what differs from one to the next:

  apiVersion: headgate/v1
  parameters:
    host: { description: public host, pattern: '[a-z0-9.-]+' }
    port: { type: integer, default: 8080 }
  tenant:
    planId: hobby
    identity: { hosts: ['\${host}'] }
    upstreams: { web: { endpoints: [{ host: '\${tenant}.internal', port: '\${port}' }] } }
    routes: { all: { upstreamId: web } }

\${tenant} is the id of the tenant. The same again changes nothing; a tenant that is there and differs is
refused without --update.

Examples:
  $ headgate onboard acme --template shop.yaml --set host=acme.example --wait
  $ headgate onboard acme --template shop.yaml --set host=acme.example --print > tenants/acme.yaml`;

/** Adds the commands about the life of a tenant: onboard, suspend, resume, offboard. */
export function addTenantCommands(parts: ProgramParts): void {
  addOnboard(parts);
  addSetStatus(parts, 'suspend', 'suspended', 'Refuse all requests of a tenant with 403.');
  addSetStatus(parts, 'resume', 'active', 'Serve a suspended tenant again.');
  addOffboard(parts);
}

function addOnboard(parts: ProgramParts): void {
  const command = parts.program
    .command('onboard')
    .description('Make a tenant out of a template.')
    .argument('<tenant>', 'id of the tenant')
    .requiredOption('--template <path>', 'YAML or JSON file, or - for standard input')
    .option('--set <name=value>', 'value of a parameter; may be repeated', collect, [])
    .option('--print', 'print the bundle, and ask no server', false)
    .option('--update', 'change the tenant if it is there already', false)
    .option('-y, --yes', 'apply without asking', false)
    .option('--dry-run', 'only show the plan', false)
    .addHelpText('after', ONBOARD_HELP);
  addWaitOption(command);
  type Options = Omit<OnboardOptions, 'tenantId' | 'waitMs'> & { wait?: number | true };
  addGlobalOptions(command).action((tenantId: string, options: Options) =>
    withContext(command, parts, (context) =>
      onboard(context, { ...options, tenantId, waitMs: waitMsOf(options.wait) }),
    ),
  );
}

function addSetStatus(
  parts: ProgramParts,
  name: string,
  status: TenantStatus,
  description: string,
): void {
  const command = parts.program
    .command(name)
    .description(description)
    .argument('<tenant>', 'id of the tenant')
    .addHelpText('after', SUSPEND_HELP);
  addWaitOption(command);
  addGlobalOptions(command).action((tenantId: string, { wait }: { wait?: number | true }) =>
    withContext(command, parts, (context) =>
      setStatus(context, { tenantId, status, waitMs: waitMsOf(wait) }),
    ),
  );
}

function addOffboard(parts: ProgramParts): void {
  const command = parts.program
    .command('offboard')
    .description('Export a tenant to a file, suspend it, and delete it.')
    .argument('<tenant>', 'id of the tenant')
    .option('--export <path>', 'new file for the export (default: TENANT-offboarded.yaml)')
    .option('-y, --yes', 'delete without asking', false)
    .addHelpText('after', OFFBOARD_HELP);
  addWaitOption(command);
  type Options = { export?: string; yes: boolean; wait?: number | true };
  addGlobalOptions(command).action((tenantId: string, options: Options) =>
    withContext(command, parts, (context) =>
      offboard(context, {
        tenantId,
        file: options.export ?? `${tenantId}-offboarded.yaml`,
        yes: options.yes,
        waitMs: waitMsOf(options.wait ?? true) ?? 0,
      }),
    ),
  );
}
