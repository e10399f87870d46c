import {
  addGlobalOptions,
  addWaitOption,
  waitMsOf,
  withContext,
  type ProgramParts,
} from './command-options.ts';
import { setStatus, type TenantStatus } from './commands/set-status.ts';

const SUSPEND_HELP = `
Every request of the tenant gets 403 (HG_TENANT_SUSPENDED) from then on; requests under way end as they
began. All that belongs to the tenant stays. Applying a bundle that says nothing of its status, or that
it is active, resumes it: change the bundle too. A change that somebody makes at the same time is not
lost: the command is refused then.

Examples:
  $ headgate suspend acme --wait             fail if an edge lags
  $ headgate resume acme --wait              undo it`;

/** Adds the commands about the life of a tenant: suspend, resume. */
export function addTenantCommands(parts: ProgramParts): void {
  addSetStatus(parts, 'suspend', 'suspended', 'Refuse all requests of a tenant with 403.');
  addSetStatus(parts, 'resume', 'active', 'Serve a suspended tenant again.');
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
