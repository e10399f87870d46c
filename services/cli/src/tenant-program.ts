import {
  addGlobalOptions,
  addWaitOption,
  waitMsOf,
  withContext,
  type ProgramParts,
} from './command-options.ts';
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

/** Adds the commands about the life of a tenant: suspend, resume, offboard. */
export function addTenantCommands(parts: ProgramParts): void {
  addSetStatus(parts, 'suspend', 'suspended', 'Refuse all requests of a tenant with 403.');
  addSetStatus(parts, 'resume', 'active', 'Serve a suspended tenant again.');
  addOffboard(parts);
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
