import { startProcess, type StartedProcess } from '@headgate/testkit';
import type { CandidateContext, RunningCandidate } from './candidate.ts';
import { serves } from './serves.ts';

/** A server process of a candidate. */
export interface ServerCommand {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly port: number;
}

/** Starts a candidate's process and waits until a request through it is answered with 200. */
export async function startServer(
  command: ServerCommand,
  context: CandidateContext,
): Promise<RunningCandidate> {
  const headers = { ...context.headers, host: context.hosts[0] ?? '' };
  const started: StartedProcess = await startProcess({
    ...command,
    cwd: context.directory,
    readyWhen: () => serves(command.port, headers, context.path),
    readyTimeoutMs: 30_000,
  });
  return { port: command.port, pid: started.pid, stop: () => started.stop() };
}
