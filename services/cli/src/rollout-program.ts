import { InvalidArgumentError } from 'commander';
import { addGlobalOptions, parseCount, withContext, type ProgramParts } from './command-options.ts';
import {
  rolloutStart,
  rolloutStatus,
  rolloutStep,
  type RolloutAction,
} from './commands/rollout.ts';
import { readDuration } from './duration.ts';

const HELP = `
A rollout changes one tenant, on some edges first: those of the first ring (HEADGATE_EDGE_RING), then those
of the next, and at the end everywhere. It goes back by itself when the tenant's errors or durations rise
there. Until it ends nothing else may change the tenant; "abort" takes it back at any time.

Examples:
  $ headgate rollout start acme -f acme.yaml --ring canary      goes on when promoted
  $ headgate rollout start acme -f acme.yaml --ring canary=10m --ring west=1h --auto
  $ headgate rollout status acme --check                        exit code 1 if it went back
  $ headgate rollout promote acme --from canary
  $ headgate rollout abort acme --reason "backend is not ready"`;

interface StartOptions {
  readonly file: string;
  readonly ring: readonly { readonly name: string; readonly soakMs?: number }[];
  readonly auto: boolean;
  readonly requestsMin?: number;
  readonly errorRise?: number;
  readonly clientErrorRise?: number;
  readonly latencyFactor?: number;
}

/** Adds `headgate rollout start|status|promote|pause|resume|abort`. */
export function addRolloutCommands(parts: ProgramParts): void {
  const rollout = parts.program
    .command('rollout')
    .description('Change a tenant on some edges first; it goes back by itself if that fails.')
    .addHelpText('after', HELP);
  const nested: ProgramParts = { ...parts, program: rollout };
  addStart(nested);
  addStatus(nested);
  addPromote(nested);
  addStep(nested, 'pause', 'Keep it from going on by itself; the guard still takes it back.');
  addStep(nested, 'resume', 'Let a paused one go on; the soak of its ring begins anew.');
  addAbort(nested);
}

function addStart(parts: ProgramParts): void {
  const command = parts.program
    .command('start')
    .description('Start a rollout of a tenant to what a bundle says of it.')
    .argument('<tenant>', 'id of the tenant')
    .requiredOption('-f, --file <path>', 'a bundle with the tenant: file, folder, or -')
    .requiredOption(
      '--ring <name[=soak]>',
      'a ring and how long it stays there, such as canary=10m; again for the next one',
      collectRing,
    )
    .option('--auto', 'go on by itself after the soak if the guard finds nothing', false)
    .option('--requests-min <count>', 'least requests before it is judged', parseCount)
    .option('--error-rise <share>', 'largest rise of 5xx, such as 0.05', parseNumber)
    .option('--client-error-rise <share>', 'largest rise of 4xx', parseNumber)
    .option('--latency-factor <factor>', 'largest multiple of the 95th percentile', parseNumber)
    .addHelpText('after', HELP);
  addGlobalOptions(command).action((tenantId: string, options: StartOptions) => {
    const { file, ring: rings, auto, requestsMin, errorRise } = options;
    const { clientErrorRise, latencyFactor } = options;
    const guard = {
      ...(requestsMin === undefined ? {} : { requestsMin }),
      ...(errorRise === undefined ? {} : { errorRise }),
      ...(clientErrorRise === undefined ? {} : { clientErrorRise }),
      ...(latencyFactor === undefined ? {} : { latencyFactor }),
    };
    const promote = auto ? ('auto' as const) : ('manual' as const);
    const plan = { rings: [...rings], promote, guard };
    return withContext(command, parts, (context) =>
      rolloutStart(context, { tenantId, file, plan }),
    );
  });
}

function addStatus(parts: ProgramParts): void {
  const command = parts.program
    .command('status')
    .description('Show the newest rollout of a tenant, ended or not.')
    .argument('<tenant>', 'id of the tenant')
    .option('--check', 'exit with 1 if it went back, or is about to', false)
    .addHelpText('after', HELP);
  addGlobalOptions(command).action((tenantId: string, { check }: { check: boolean }) =>
    withContext(command, parts, (context) => rolloutStatus(context, { tenantId, check })),
  );
}

function addPromote(parts: ProgramParts): void {
  const command = parts.program
    .command('promote')
    .description('Let it go on to the next ring, or after the last one to all edges.')
    .argument('<tenant>', 'id of the tenant')
    .option('--from <ring>', 'only if it is still in this ring')
    .addHelpText('after', HELP);
  addGlobalOptions(command).action((tenantId: string, { from }: { from?: string }) =>
    run(parts, command, tenantId, { name: 'promote', from }),
  );
}

function addStep(parts: ProgramParts, name: 'pause' | 'resume', description: string): void {
  const command = parts.program
    .command(name)
    .description(description)
    .argument('<tenant>', 'id of the tenant')
    .addHelpText('after', HELP);
  addGlobalOptions(command).action((tenantId: string) => run(parts, command, tenantId, { name }));
}

function addAbort(parts: ProgramParts): void {
  const command = parts.program
    .command('abort')
    .description('Take it back: all edges serve the tenant as it is.')
    .argument('<tenant>', 'id of the tenant')
    .option('--reason <text>', 'for whoever looks at it later')
    .addHelpText('after', HELP);
  addGlobalOptions(command).action((tenantId: string, { reason }: { reason?: string }) =>
    run(parts, command, tenantId, { name: 'abort', reason }),
  );
}

function run(
  parts: ProgramParts,
  command: Parameters<typeof withContext>[0],
  tenantId: string,
  action: RolloutAction,
): Promise<void> {
  return withContext(command, parts, (context) => rolloutStep(context, tenantId, action));
}

function collectRing(text: string, rings?: StartOptions['ring']): StartOptions['ring'] {
  const [, name, soak] = /^([^=]+)(?:=(.+))?$/.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError('must be RING or RING=TIME');
  return [...(rings ?? []), { name, ...(soak === undefined ? {} : { soakMs: parseSoak(soak) }) }];
}

function parseSoak(text: string): number {
  const ms = readDuration(text);
  if (ms !== null) return ms;
  throw new InvalidArgumentError('the time must be a number and ms, s, m or h, such as 10m');
}

function parseNumber(text: string): number {
  const value = /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isNaN(value)) return value;
  throw new InvalidArgumentError('must be a number, such as 0.05');
}
