import { InvalidArgumentError, Option, type Command } from 'commander';
import { findAdminToken } from './admin-token.ts';
import { createApiClient } from './api-client.ts';
import { CliError, EXIT } from './cli-error.ts';
import type { CommandContext, OutputFormat } from './context.ts';
import { readDuration } from './duration.ts';
import { readCliEnvironment, URL_DEFAULT } from './environment.ts';
import type { CliIo, Terminal } from './terminal.ts';

/** How long a write waits for the edges unless the user says otherwise. */
const WAIT_MS_DEFAULT = 10_000;
/** The longest that the config-service waits. */
const WAIT_MS_MAX = 60_000;
/** Where `npm start` keeps the token of the local cluster. */
const LOCAL_TOKEN_FILE = new URL('../../../.headgate/admin-token', import.meta.url);

/** What the definition of a command works with. */
export interface ProgramParts {
  readonly program: Command;
  readonly io: CliIo;
  readonly terminal: Terminal;
}

/** Options that every command takes, before or after its name. */
export interface GlobalOptions {
  readonly url?: string;
  readonly token?: string;
  readonly output?: OutputFormat;
}

/** Adds the options that every command takes. */
export function addGlobalOptions(command: Command): Command {
  return command
    .option('--url <url>', 'address of the config-service (HEADGATE_URL)')
    .option('--token <token>', 'admin or access token; ps shows it, so prefer HEADGATE_ADMIN_TOKEN')
    .addOption(
      new Option('-o, --output <format>', 'form of the result').choices(['table', 'json', 'yaml']),
    )
    .option('--no-color', 'no colours');
}

/** Adds `--wait [ms]`; read it with {@link waitMsOf}. */
export function addWaitOption(command: Command): Command {
  return command.option(
    '--wait [ms]',
    `wait until all live edges have the change (default: ${WAIT_MS_DEFAULT} ms)`,
    parseWaitMs,
  );
}

/** How long to wait for the edges; null: not at all. */
export function waitMsOf(wait: number | true | undefined): number | null {
  return wait === true ? WAIT_MS_DEFAULT : (wait ?? null);
}

/**
 * Runs a command with a client for the server that its options and the environment name.
 *
 * @throws CliError for options or variables that make no sense, and whatever `run` throws.
 */
export async function withContext(
  command: Command,
  { io, terminal }: Pick<ProgramParts, 'io' | 'terminal'>,
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

/** Gathers the values of an option that may be repeated, for commander. */
export function collect(text: string, values: readonly string[]): readonly string[] {
  return [...values, text];
}

/** Reads a whole number from 1 on, for commander. */
export function parseCount(text: string): number {
  const count = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (count >= 1) return count;
  throw new InvalidArgumentError('must be a whole number from 1 on');
}

const INTERVAL_MS_MIN = 100;
const INTERVAL_MS_MAX = 24 * 3_600_000;

/** Reads a time such as `500ms`, `30s`, `5m` or `1h` as ms, for commander. */
export function parseInterval(text: string): number {
  const ms = readDuration(text);
  if (ms !== null && ms >= INTERVAL_MS_MIN && ms <= INTERVAL_MS_MAX) return ms;
  throw new InvalidArgumentError('must be a time such as 30s, 5m or 1h; 100ms to 24h');
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
