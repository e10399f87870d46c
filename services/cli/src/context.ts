import type { ApiClient } from './api-client.ts';
import type { CliIo, Terminal } from './terminal.ts';

/** How a command prints its result. */
export type OutputFormat = 'table' | 'json' | 'yaml';

/** What every command gets. */
export interface CommandContext {
  readonly io: CliIo;
  readonly terminal: Terminal;
  readonly api: ApiClient;
  readonly output: OutputFormat;
}
