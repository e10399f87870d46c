import { Command, InvalidArgumentError, Option } from 'commander';
import { findAdminToken } from './admin-token.ts';
import { createApiClient } from './api-client.ts';
import { CliError, EXIT } from './cli-error.ts';
import { apply } from './commands/apply.ts';
import { get } from './commands/get.ts';
import { keyCreate, keyHash } from './commands/key.ts';
import { status } from './commands/status.ts';
import type { CommandContext, OutputFormat } from './context.ts';
import { readCliEnvironment, URL_DEFAULT } from './environment.ts';
import { RESOURCE_KINDS } from './resource-kinds.ts';
import type { CliIo, Terminal } from './terminal.ts';

const WAIT_MS_DEFAULT = 10_000;
/** The longest that the config-service waits. */
const WAIT_MS_MAX = 60_000;
/** Where `npm start` keeps the token of the local cluster. */
const LOCAL_TOKEN_FILE = new URL('../../../.headgate/admin-token', import.meta.url);

const EXIT_CODES = `
Exit codes:
  0  done
  1  failed: invalid file, fault of the server, or --check found something
  2  the command line makes no sense
  3  refused by the server (4xx)
  4  no answer from the server`;

const ROOT_HELP = `
Environment:
  HEADGATE_URL          address of the config-service (default: ${URL_DEFAULT})
  HEADGATE_ADMIN_TOKEN  admin token; for a cluster started by "npm start" it is found by itself
  NO_COLOR              no colours, even on a terminal
${EXIT_CODES}

A first tour:
  $ headgate status                          how are edges and endpoints?
  $ headgate get tenants                     who is configured?
  $ headgate get tenant acme -o yaml         all about one of them
  $ headgate apply -f demo.yaml --dry-run    what would change?
  $ headgate apply -f demo.yaml --wait       change it, and wait for the edges`;

const APPLY_HELP = `
A bundle names plans and tenants, with the upstreams, routes and API keys of each tenant. Those it
does not name are left alone; but upstreams and routes that a named tenant has and the bundle does
not are deleted. It is applied as a whole or not at all. A folder is read as one bundle.

  apiVersion: headgate/v1
  plans:
    gold: { limits: [{ name: per-second, limit: 100, windowMs: 1000 }] }
  tenants:
    acme:
      planId: gold
      identity: { hosts: [api.acme.example] }
      upstreams: { web: { endpoints: [{ host: 10.0.0.7, port: 8080 }] } }
      routes: { all: { upstreamId: web } }

Examples:
  $ headgate apply -f acme.yaml              print the plan, then ask
  $ headgate apply -f tenants/ --yes --wait  from CI: no question, fail if an edge lags
  $ cat acme.yaml | headgate apply -f - --dry-run -o json`;

const GET_HELP = `
Kinds: ${RESOURCE_KINDS.map((kind) => kind.name).join(', ')} (or the singular)

Examples:
  $ headgate get plans
  $ headgate get tenant acme -o yaml
  $ headgate get routes --tenant acme
  $ headgate get api-keys -t acme -o json`;

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

/** Options that every command takes, before or after its name. */
interface GlobalOptions {
  readonly url?: string;
  readonly token?: string;
  readonly output?: OutputFormat;
}

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
  addApply(program, io, terminal);
  addGet(program, io, terminal);
  addStatus(program, io, terminal);
  addKey(program, io, terminal);
  return program;
}

function addApply(program: Command, io: CliIo, terminal: Terminal): void {
  const command = program
    .command('apply')
    .description('Bring the cluster to the state that a bundle describes; shows the plan first.')
    .requiredOption('-f, --file <path>', 'YAML or JSON file, a folder, or - for standard input')
    .option('-y, --yes', 'apply without asking', false)
    .option('--dry-run', 'only show the plan', false)
    .option(
      '--wait [ms]',
      `wait until all live edges have the change (default: ${WAIT_MS_DEFAULT} ms)`,
      parseWaitMs,
    )
    .addHelpText('after', APPLY_HELP);
  addGlobalOptions(command).action(
    async (options: { file: string; yes: boolean; dryRun: boolean; wait?: number | true }) => {
      const waitMs = options.wait === true ? WAIT_MS_DEFAULT : (options.wait ?? null);
      await withContext(command, io, terminal, (context) => apply(context, { ...options, waitMs }));
    },
  );
}

function addGet(program: Command, io: CliIo, terminal: Terminal): void {
  const command = program
    .command('get')
    .description('Show one resource, or all of a kind.')
    .argument('<kind>', RESOURCE_KINDS.map((kind) => kind.name).join(', '))
    .argument('[id]', 'only this one')
    .option('-t, --tenant <id>', 'the tenant, for upstreams, routes and api-keys')
    .addHelpText('after', GET_HELP);
  addGlobalOptions(command).action(
    async (kind: string, id: string | undefined, options: { tenant?: string }) => {
      await withContext(command, io, terminal, (context) =>
        get(context, { kind, id, tenantId: options.tenant }),
      );
    },
  );
}

function addStatus(program: Command, io: CliIo, terminal: Terminal): void {
  const command = program
    .command('status')
    .description('Show edges, revisions, rejected documents and the health of endpoints.')
    .option('--check', 'exit with 1 if something is wrong', false)
    .addHelpText('after', STATUS_HELP);
  addGlobalOptions(command).action(async (options: { check: boolean }) => {
    await withContext(command, io, terminal, (context) => status(context, options));
  });
}

function addKey(program: Command, io: CliIo, terminal: Terminal): void {
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
      await withContext(create, io, terminal, (context) =>
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

function addGlobalOptions(command: Command): Command {
  return command
    .option('--url <url>', 'address of the config-service (HEADGATE_URL)')
    .option('--token <token>', 'admin token; others see it in ps, so prefer HEADGATE_ADMIN_TOKEN')
    .addOption(
      new Option('-o, --output <format>', 'form of the result').choices(['table', 'json', 'yaml']),
    )
    .option('--no-color', 'no colours');
}

async function withContext(
  command: Command,
  io: CliIo,
  terminal: Terminal,
  run: (context: CommandContext) => Promise<void>,
): Promise<void> {
  const options = command.optsWithGlobals<GlobalOptions>();
  const environment = readCliEnvironment(io.env);
  const url = parseUrl(options.url ?? environment.HEADGATE_URL);
  const token = await findAdminToken(options.token, environment, url, LOCAL_TOKEN_FILE);
  const api = createApiClient(url, token);
  try {
    await run({ io, terminal, api, output: options.output ?? 'table' });
  } finally {
    await api.close();
  }
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && /^https?:$/.test(url.protocol)) return url;
  throw new CliError(EXIT.usage, `"${text}" is not an http or https URL`, [
    `Set one with --url or HEADGATE_URL, such as ${URL_DEFAULT}`,
  ]);
}

function parseWaitMs(text: string): number {
  const waitMs = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (waitMs >= 1 && waitMs <= WAIT_MS_MAX) return waitMs;
  throw new InvalidArgumentError(`must be a whole number of ms from 1 to ${WAIT_MS_MAX}`);
}
