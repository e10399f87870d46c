import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '@headgate/runtime';
import { createColors } from 'picocolors';

/** What the command reads from and writes to; the streams of the process in the program. */
export interface CliIo {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
}

/** Functions that colour a text, or leave it as it is. */
export type Colors = ReturnType<typeof createColors>;

/** The user's side of a command. */
export interface Terminal {
  readonly colors: Colors;
  /** Prints a result. */
  readonly print: (text: string) => void;
  /** Tells something beside the result, on standard error. */
  readonly note: (text: string) => void;
  /** Whether somebody can answer {@link Terminal.confirm}. */
  readonly interactive: boolean;
  /** Asks a question whose answer is no unless it is y or yes. */
  confirm(question: string): Promise<boolean>;
  /** Waits for work and tells how long it has taken, from the first second on; a label that is a function is asked each time. */
  progress<Result>(label: string | (() => string), work: Promise<Result>): Promise<Result>;
}

const PROGRESS_FIRST_MS = 1000;
const PROGRESS_EVERY_LINES_MS = 10_000;

/**
 * Creates the user's side of a command. Colours need a terminal, and neither `--no-color` nor
 * NO_COLOR (https://no-color.org).
 */
export function createTerminal(io: CliIo, options: { readonly color: boolean }): Terminal {
  const noColor = io.env['NO_COLOR'] !== undefined && io.env['NO_COLOR'] !== '';
  const colors = createColors(options.color && io.stdout.isTTY === true && !noColor);
  return {
    colors,
    print: (text) => void io.stdout.write(`${text}\n`),
    note: (text) => void io.stderr.write(`${text}\n`),
    interactive: io.stdin.isTTY === true && io.stderr.isTTY === true,
    async confirm(question) {
      const lines = createInterface({ input: io.stdin, output: io.stderr });
      try {
        const answer = await lines.question(`${question} [y/N] `);
        return /^y(es)?$/i.test(answer.trim());
      } catch (error) {
        if (!(error instanceof Error && error.name === 'AbortError')) throw error;
        io.stderr.write('\n'); // Ctrl-C or Ctrl-D at the prompt: the next message starts a line of its own
        return false;
      } finally {
        lines.close();
      }
    },
    progress: (label, work) => showProgress(io, label, work),
  };
}

async function showProgress<Result>(
  io: CliIo,
  label: string | (() => string),
  work: Promise<Result>,
): Promise<Result> {
  const startedMs = io.clock.monotonicMs();
  const rewrite = io.stderr.isTTY === true;
  const every = rewrite ? PROGRESS_FIRST_MS : PROGRESS_EVERY_LINES_MS;
  let shown = false;
  const timer = setInterval(() => {
    const seconds = Math.round((io.clock.monotonicMs() - startedMs) / 1000);
    const text = `${typeof label === 'string' ? label : label()} … ${seconds} s`;
    io.stderr.write(rewrite ? `\r${text}` : `${text}\n`);
    shown = true;
  }, every);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    // Clears the line, so that the result starts on an empty one.
    if (shown && rewrite) io.stderr.write('\r\u001b[K');
  }
}
