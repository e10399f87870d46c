import { addGlobalOptions, parseCount, withContext, type ProgramParts } from './command-options.ts';
import { limitsExplain, limitsTop, type LimitsTopOptions } from './commands/limits.ts';

const NEAR_DEFAULT = 80;
const LIMITS_DEFAULT = 50;

const LIMITS_HELP = `
Edges report once a second what their limits admit and refuse, each the 256 that matter most; the
config-service shows what it heard in the last ten seconds. A tenant without requests shows "-": then
nothing is used, or nobody has asked for a while.

Examples:
  $ headgate limits top                      who is near a limit, or over it?
  $ headgate limits top --near 50 --limit 200
  $ headgate limits explain acme             each limit of acme: used, left, resets in
  $ headgate limits explain acme -o json | jq '.[] | select(.deniedPerSecond > 0)'`;

/** Adds the commands that tell how full limits are: limits top, limits explain. */
export function addLimitsCommands(parts: ProgramParts): void {
  const limits = parts.program
    .command('limits')
    .description('Show how full limits are.')
    .addHelpText('after', LIMITS_HELP);
  const top = limits
    .command('top')
    .description('Show limits that are nearly used up, or refuse requests.')
    .option('--near <percent>', 'used from this percentage on', parseCount, NEAR_DEFAULT)
    .option('--limit <count>', 'most limits to show', parseCount, LIMITS_DEFAULT)
    .addHelpText('after', LIMITS_HELP);
  addGlobalOptions(top).action((options: LimitsTopOptions) =>
    withContext(top, parts, (context) => limitsTop(context, options)),
  );
  const explain = limits
    .command('explain')
    .description('Show each limit of a tenant: what is used, what is left, when it resets.')
    .argument('<tenant>', 'id of the tenant')
    .addHelpText('after', LIMITS_HELP);
  addGlobalOptions(explain).action((tenantId: string) =>
    withContext(explain, parts, (context) => limitsExplain(context, tenantId)),
  );
}
