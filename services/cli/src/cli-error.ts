import type { ProblemReply } from './replies.ts';

/** Exit codes of the command; scripts may rely on them. */
export const EXIT = Object.freeze({
  ok: 0,
  /** The work could not be done: an invalid file, a fault of the server, `--check` found something. */
  failure: 1,
  /** The command line makes no sense. */
  usage: 2,
  /** The server refused the request (4xx). */
  refused: 3,
  /** No answer from the server. */
  unreachable: 4,
  /** `headgate drift`, `headgate plan --detailed-exitcode`: the cluster is not as the bundle says. */
  drift: 5,
});

/** A number of {@link EXIT}. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** An expected failure: printed as `error: what` and what to do, without a stack. */
export class CliError extends Error {
  readonly exitCode: ExitCode;
  /** Further lines: details, then what to do. */
  readonly lines: readonly string[];

  constructor(exitCode: ExitCode, what: string, lines: readonly string[] = [], cause?: unknown) {
    super(what, cause === undefined ? {} : { cause });
    this.name = 'CliError';
    this.exitCode = exitCode;
    this.lines = lines;
  }
}

/** What the server refused, or failed at; it said so in a problem. */
export class RefusalError extends CliError {
  readonly problem: ProblemReply;

  constructor(problem: ProblemReply, described: CliError) {
    super(described.exitCode, described.message, described.lines);
    this.problem = problem;
  }
}

/**
 * A question needs somebody who can answer it.
 *
 * @param toDo what would be asked: `apply`.
 * @param advice how to do without the question.
 * @throws CliError if nobody can be asked.
 */
export function assertCanAsk(canAsk: boolean, toDo: string, advice: string): void {
  if (canAsk) return;
  throw new CliError(EXIT.usage, `cannot ask whether to ${toDo}: there is no terminal`, [advice]);
}
