import { CommanderError } from 'commander';
import { CliError, EXIT, type ExitCode } from './cli-error.ts';
import { createProgram } from './program.ts';
import { createTerminal, type CliIo } from './terminal.ts';

/**
 * Runs one command line. All errors end here: expected ones are printed with what to do about them,
 * bugs with their stack.
 *
 * @param args without `node` and the script.
 * @returns the exit code, see {@link EXIT}.
 */
export async function runCli(args: readonly string[], io: CliIo): Promise<ExitCode> {
  const terminal = createTerminal(io, { color: !args.includes('--no-color') });
  try {
    await createProgram(io, terminal).parseAsync(withHelpOption(args), { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    // commander has printed its message; 0 is the exit code of --help and --version.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (!(error instanceof CliError)) throw error;
    terminal.note(
      [`error: ${error.message}`, ...error.lines.map((line) => `  ${line}`)].join('\n'),
    );
    return error.exitCode;
  }
}

/** `help rollout start` as `rollout start --help`: commander's own looks at the first word only. */
function withHelpOption(args: readonly string[]): string[] {
  const [first, ...command] = args;
  return first === 'help' ? [...command, '--help'] : [...args];
}
