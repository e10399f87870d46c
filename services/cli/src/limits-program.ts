import type { Command } from 'commander';
import { addGlobalOptions, parseCount, withContext, type ProgramParts } from './command-options.ts';
import { limitsEvents, type LimitsEventsOptions } from './commands/limit-events.ts';
import { limitsExplain, limitsTop, type LimitsTopOptions } from './commands/limits.ts';
import { limitsPools, type PoolsOptions } from './commands/pools.ts';
import { whatIf, type WhatIfOptions } from './commands/what-if.ts';

const NEAR_DEFAULT = 80;
const LIMITS_DEFAULT = 50;
const EVENTS_DEFAULT = 50;
const PLACES_DEFAULT = 16;

const LIMITS_HELP = `
Edges report once a second what their limits admit and refuse, each the 256 that matter most; the
config-service shows what it heard in the last ten seconds. A tenant without requests shows "-": then
nothing is used, or nobody has asked for a while.

Examples:
  $ headgate limits top                      who is near a limit, or over it?
  $ headgate limits top --near 50 --limit 200
  $ headgate limits explain acme             each limit of acme: used, left, resets in
  $ headgate limits explain acme -o json | jq '.[] | select(.deniedPerSecond > 0)'`;

const EVENTS_HELP = `
A limit is told of once when it is used to 80 % (near) and once when it refuses (reached), until it has been
used to less than 60 % for a window, at least ten seconds. Limits per consumer or address are not told of.
The config-service that answers shows the last 1,000 events since its start.

Examples:
  $ headgate limits events                   whose limits were near or reached?
  $ headgate limits events --tenant acme --limit 10
  $ headgate limits events -o json | jq '.[] | select(.event == "reached") | .tenantId'`;

const POOLS_HELP = `
A pool spreads tenants by a hash of their ids over its places (entities), each with an allowance of its
own. STOPS is how many others one tenant stops that uses up its place; OF POOL and OF ALL say which part
of the other tenants that is. More places mean fewer. Suspended tenants do not count.
At most 100 pools are shown, always with that of the platform, and 2,000 places: name a plan for others.

Examples:
  $ headgate limits pools                    every pool; the places that refuse or are shared most
  $ headgate limits pools gold --places 1024
  $ headgate limits pools -o json | jq '.[] | select(.blastRadius.ofAll > 0.05) | .planId'`;

const WHAT_IF_HELP = `
Replays what tenants asked for, at most in the last 24 hours and since the start of the config-service,
against the plans and tenants of a bundle. Nothing is written. Of each minute its total and its busiest
second are known, so bursts within a second are not seen, and the numbers are what would have been
refused AT LEAST, by each limit and pool by itself, as if no other one refused anything. Requests that
were refused then count, and so do their repetitions. NOW is the same for the limit as it is. Limits per consumer, of API keys and of kind concurrency cannot be judged.

Examples:
  $ headgate limits what-if gold.yaml            who would have been throttled, when, how much?
  $ headgate limits what-if gold.yaml -o json | jq '.items[] | select(.refusedNowMin == 0)'`;

/** Adds the commands about limits in use: limits top, limits explain, limits events, limits pools, limits what-if. */
export function addLimitsCommands(parts: ProgramParts): void {
  const limits = parts.program
    .command('limits')
    .description('Show how full limits are, and what others would refuse.')
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
  addEvents(limits, parts);
  addPools(limits, parts);
  const replay = limits
    .command('what-if')
    .description('Replay recorded demand against proposed plans: who would have been refused?')
    .argument('<bundle>', 'YAML or JSON file, a folder, or - for standard input')
    .option('--limit <count>', 'most limits to show', parseCount, LIMITS_DEFAULT)
    .addHelpText('after', WHAT_IF_HELP);
  addGlobalOptions(replay).action((file: string, options: WhatIfOptions) =>
    withContext(replay, parts, (context) => whatIf(context, file, options)),
  );
}

function addEvents(limits: Command, parts: ProgramParts): void {
  const events = limits
    .command('events')
    .description('Show which limits were nearly used up or began to refuse; newest first.')
    .option('-t, --tenant <id>', 'only the limits of this tenant')
    .option('--limit <count>', 'most events to show', parseCount, EVENTS_DEFAULT)
    .addHelpText('after', EVENTS_HELP);
  addGlobalOptions(events).action((options: LimitsEventsOptions) =>
    withContext(events, parts, (context) => limitsEvents(context, options)),
  );
}

function addPools(limits: Command, parts: ProgramParts): void {
  const pools = limits
    .command('pools')
    .description('Show who shares a place of a pool, and whom one tenant can stop there.')
    .argument('[plan]', 'id of a plan; default: all plans with a pool')
    .option('--places <count>', 'most places of each pool to show', parseCount, PLACES_DEFAULT)
    .addHelpText('after', POOLS_HELP);
  addGlobalOptions(pools).action((planId: string | undefined, options: PoolsOptions) =>
    withContext(pools, parts, (context) => limitsPools(context, planId, options)),
  );
}
