import { Argument, Command } from 'commander';
import { addBundleCommands } from './bundle-program.ts';
import {
  addGlobalOptions,
  addWaitOption,
  collect,
  waitMsOf,
  withContext,
  type ProgramParts,
} from './command-options.ts';
import { completionScript, SHELLS, type Shell } from './completion.ts';
import { apply, type ApplyOptions } from './commands/apply.ts';
import { get } from './commands/get.ts';
import { certificatePut } from './commands/certificate.ts';
import { keyCreate, keyHash } from './commands/key.ts';
import { status } from './commands/status.ts';
import { URL_DEFAULT } from './environment.ts';
import { addHistoryCommands } from './history-program.ts';
import { addImportCommand } from './import-program.ts';
import { addLimitsCommands } from './limits-program.ts';
import { KIND_NAMES } from './resource-kinds.ts';
import { addRolloutCommands } from './rollout-program.ts';
import { addTenantCommands } from './tenant-program.ts';
import type { CliIo, Terminal } from './terminal.ts';
import { addTokenCommands } from './token-program.ts';

const EXIT_CODES = `
Exit codes:
  0  done
  1  failed: invalid file, fault of the server, or --check found something
  2  the command line makes no sense
  3  refused by the server (4xx)
  4  no answer from the server
  5  "headgate drift" or "plan --detailed-exitcode" found a difference`;

const ROOT_HELP = `
Environment:
  HEADGATE_URL          address of the config-service (default: ${URL_DEFAULT})
  HEADGATE_ADMIN_TOKEN  admin token, access token or JWT; that of "npm start" is found by itself
  NO_COLOR              no colours, even on a terminal
${EXIT_CODES}

A first tour:
  $ headgate status                          how are edges and endpoints?
  $ headgate get tenants                     who is configured?
  $ headgate get tenant acme -o yaml         all about one of them
  $ headgate validate -f demo.yaml           is it valid?
  $ headgate plan -f demo.yaml               what would change?
  $ headgate apply -f demo.yaml --wait       change it, and wait for the edges
  $ headgate limits top                      who is near a limit?
  $ headgate history acme                    who changed what?
  $ headgate rollback acme 41 --wait         undo it`;

const APPLY_HELP = `
A bundle names plans, shared upstreams and tenants, with the upstreams, JWT issuers, routes, API keys and
certificates of each tenant. Those it does not name are left alone; but upstreams, JWT issuers and routes that a
named tenant has and the bundle does not are deleted. It is applied as a whole or not at all. A folder is read as
one bundle.

  apiVersion: headgate/v1
  plans:
    gold: { limits: [{ name: per-second, limit: 100, windowMs: 1000 }] }
  upstreams:
    mail: { endpoints: [{ host: 10.1.0.1, port: 8080 }] }
  tenants:
    acme:
      planId: gold
      identity: { hosts: [api.acme.example] }
      upstreams: { web: { endpoints: [{ host: 10.0.0.7, port: 8080 }] } }
      routes:
        all: { upstreamId: web }
        mail: { sharedUpstreamId: mail, match: { path: { prefix: /mail } } }

Examples:
  $ headgate apply -f acme.yaml              print the plan, then ask
  $ headgate apply -f tenants/ --yes --wait  from CI: no question, fail if an edge lags
  $ headgate apply -f tenants/ --declare     and tell when the cluster drifts from it ("headgate drift")
  $ cat acme.yaml | headgate apply -f - --dry-run -o json`;

const GET_HELP = `
Kinds: ${KIND_NAMES.join(', ')} (or the singular)
Upstreams without --tenant are the shared ones.

REVISION is that of the last change of the resource itself. "headgate history" shows those of a tenant with
all that belongs to it: a change of a route is one of them, and leaves the REVISION of the tenant as it is.

Examples:
  $ headgate get plans
  $ headgate get tenant acme -o yaml
  $ headgate get tenants --label region=eu --status suspended
  $ headgate get tenants --host shop.acme.example       whose host is it?
  $ headgate get upstreams                              those of the platform
  $ headgate get routes --tenant acme
  $ headgate get routes -t acme --shared-upstream mail
  $ headgate get api-keys -t acme -o json
  $ headgate get certificates -t acme                   what they serve, and until when`;

const STATUS_HELP = `
Shows the revision of each edge, documents that an edge refused (it then keeps serving the last good
revision) with the reason, and endpoints that fail their health checks.

Examples:
  $ headgate status
  $ headgate status --check                  exit code 1 if something is wrong
  $ headgate status -o json | jq '.edges[].revision'`;

const KEY_HELP = `
Examples:
  $ headgate key create acme mobile-app      the key is shown once
  $ KEY=$(headgate key create acme ci --expires 2027-01-01T00:00:00Z)
  $ printf %s "$KEY" | headgate key hash     the sha256 for a bundle`;

const CERTIFICATE_HELP = `
Edges serve it within a second, and no connection ends. The key is kept encrypted and never shown.

Examples:
  $ headgate certificate put acme web --chain fullchain.pem --key privkey.pem
  $ headgate certificate put acme web --chain renewed.pem      the same key as before
  $ headgate get certificates -t acme`;

const COMPLETION_HELP = `
Commands, options, and values of options that have a choice. Needs no server.

Examples:
  $ headgate completion bash > ~/.local/share/bash-completion/completions/headgate
  $ headgate completion zsh > ~/.zsh/completions/_headgate
  $ headgate completion fish > ~/.config/fish/completions/headgate.fish`;

/** Builds the command line. Nothing runs before `parseAsync`. */
export function createProgram(io: CliIo, terminal: Terminal): Command {
  const program = new Command('headgate')
    .description('Configures and watches a Headgate cluster through its config-service.')
    .version('0.1.0')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
    })
    .showHelpAfterError('(--help shows what is possible)')
    .addHelpText('after', ROOT_HELP);
  addGlobalOptions(program);
  const parts = { program, io, terminal };
  addBundleCommands(parts);
  addApply(parts);
  addGet(parts);
  addStatus(parts);
  addHistoryCommands(parts);
  addImportCommand(parts);
  addTenantCommands(parts);
  addRolloutCommands(parts);
  addKey(parts);
  addCertificate(parts);
  addTokenCommands(parts);
  addLimitsCommands(parts);
  addCompletion(parts);
  refuseHelpOfUnknown(program);
  return program;
}

/** commander shows the help of what stands before a word that it does not know, as if all were well. */
function refuseHelpOfUnknown(group: Command): void {
  if (group.commands.length === 0) return;
  group.addHelpText('before', () => {
    const word = group.args.find((argument) => !argument.startsWith('-'));
    if (word === undefined || group.commands.some((one) => one.name() === word)) return '';
    return group.error(`error: unknown command '${word}'`);
  });
  group.commands.forEach(refuseHelpOfUnknown);
}

function addApply(parts: ProgramParts): void {
  const command = parts.program
    .command('apply')
    .description('Bring the cluster to the state that a bundle describes; shows the plan first.')
    .requiredOption('-f, --file <path>', 'YAML or JSON file, a folder, or - for standard input')
    .option('-y, --yes', 'apply without asking', false)
    .option('--dry-run', 'only show the plan', false)
    .option('--declare', 'watch for drift from this bundle from now on', false)
    .addHelpText('after', APPLY_HELP);
  addWaitOption(command);
  addGlobalOptions(command).action(
    async ({ wait, ...options }: Omit<ApplyOptions, 'waitMs'> & { wait?: number | true }) => {
      const waitMs = waitMsOf(wait);
      await withContext(command, parts, (context) => apply(context, { ...options, waitMs }));
    },
  );
}

function addGet(parts: ProgramParts): void {
  const command = parts.program
    .command('get')
    .description('Show one resource, or all of a kind.')
    .argument('<kind>', KIND_NAMES.join(', '))
    .argument('[id]', 'only this one')
    .option('-t, --tenant <id>', 'the tenant, for all that belongs to one')
    .option('-l, --label <key=value>', 'tenants with this label; may be repeated', collect, [])
    .option('--status <status>', 'tenants of this status: active or suspended')
    .option('--plan <id>', 'tenants on this plan')
    .option('--region <region>', 'tenants of this region')
    .option('--host <host>', 'tenants that this host leads to, or upstreams with such an endpoint')
    .option('--upstream <id>', 'routes to this upstream of the tenant')
    .option('--shared-upstream <id>', 'routes to this shared upstream')
    .option('--auth <kind>', 'routes with this authentication: none or api_key')
    .addHelpText('after', GET_HELP);
  addGlobalOptions(command).action(
    async (kind: string, id: string | undefined, options: GetCommandOptions) => {
      const { tenant: tenantId, label: labels, plan: planId, upstream: upstreamId } = options;
      const { status: state, region, host, auth, sharedUpstream: sharedUpstreamId } = options;
      const ofRoutes = { upstreamId, sharedUpstreamId, auth };
      const filter = { label: labels, status: state, planId, region, host, ...ofRoutes };
      await withContext(command, parts, (context) => get(context, { kind, id, tenantId, filter }));
    },
  );
}

interface GetCommandOptions {
  readonly tenant?: string;
  readonly label: readonly string[];
  readonly status?: string;
  readonly plan?: string;
  readonly region?: string;
  readonly host?: string;
  readonly upstream?: string;
  readonly sharedUpstream?: string;
  readonly auth?: string;
}

function addStatus(parts: ProgramParts): void {
  const command = parts.program
    .command('status')
    .description('Show edges, revisions, rejected documents and the health of endpoints.')
    .option('--check', 'exit with 1 if something is wrong', false)
    .addHelpText('after', STATUS_HELP);
  addGlobalOptions(command).action(async (options: { check: boolean }) => {
    await withContext(command, parts, (context) => status(context, options));
  });
}

function addKey(parts: ProgramParts): void {
  const { program, io, terminal } = parts;
  const key = program
    .command('key')
    .description('Create API keys, or hash them for a bundle.')
    .addHelpText('after', KEY_HELP);
  const create = key
    .command('create')
    .description('Create an API key and show it, this once.')
    .argument('<tenant>', 'id of the tenant')
    .argument('<id>', 'id of the new key: a-z, 0-9 and -')
    .option('--name <text>', 'name for people')
    .option('--expires <time>', 'refuse the key from then on, such as 2027-01-01T00:00:00Z')
    .addHelpText('after', KEY_HELP);
  addGlobalOptions(create).action(
    async (tenantId: string, id: string, options: { name?: string; expires?: string }) => {
      const { name, expires: expiresAt } = options;
      await withContext(create, parts, (context) =>
        keyCreate(context, { tenantId, id, name, expiresAt }),
      );
    },
  );
  key
    .command('hash')
    .description('Read a key from standard input and print its SHA-256.')
    .option('--no-color', 'no colours')
    .addHelpText('after', KEY_HELP)
    .action(() => keyHash(io, terminal));
}

function addCertificate(parts: ProgramParts): void {
  const certificate = parts.program
    .command('certificate')
    .description('Write TLS certificates of tenants.')
    .addHelpText('after', CERTIFICATE_HELP);
  const put = certificate
    .command('put')
    .description('Create or replace a certificate from PEM files.')
    .argument('<tenant>', 'id of the tenant')
    .argument('<id>', 'id of the certificate: a-z, 0-9 and -')
    .requiredOption('--chain <file>', 'the certificate, then those that issued it')
    .option('--key <file>', 'its private key; without it the one that is stored stays')
    .option('--name <text>', 'name for people')
    .addHelpText('after', CERTIFICATE_HELP);
  type Options = { chain: string; key?: string; name?: string };
  addGlobalOptions(put).action(
    async (tenantId: string, id: string, { chain, key, name }: Options) => {
      await withContext(put, parts, (context) =>
        certificatePut(context, { tenantId, id, name, chain, key }),
      );
    },
  );
}

/** Last: it knows the commands that were added before it. */
function addCompletion({ program, terminal }: ProgramParts): void {
  program
    .command('completion')
    .description('Print a script that completes the command line in a shell.')
    .addArgument(new Argument('<shell>', 'shell that it is for').choices(SHELLS))
    .option('--no-color', 'no colours')
    .addHelpText('after', COMPLETION_HELP)
    .action((shell: Shell) => terminal.print(completionScript(program, shell)));
}
