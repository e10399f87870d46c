import { CliError, EXIT } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { printValue } from '../print-value.ts';
import { StatusReply } from '../replies.ts';
import { findProblems, formatStatus } from '../status-format.ts';

/** Options of `headgate status`. */
export interface StatusOptions {
  /** Fail if something is wrong. */
  readonly check: boolean;
}

/**
 * Prints how the cluster is.
 *
 * @throws CliError with `check`, if something is wrong.
 */
export async function status(context: CommandContext, options: StatusOptions): Promise<void> {
  const { api, terminal, io, output } = context;
  const reply = await api.send(StatusReply, { method: 'GET', path: '/v1/status' });
  if (!printValue(context, reply)) {
    terminal.print(formatStatus(reply, terminal.colors, io.clock.nowMs()));
  }
  const problems = findProblems(reply);
  if (options.check && problems.length > 0) {
    const count = problems.length === 1 ? '1 thing is' : `${problems.length} things are`;
    throw new CliError(EXIT.failure, `${count} wrong`, output === 'table' ? [] : problems);
  }
}
