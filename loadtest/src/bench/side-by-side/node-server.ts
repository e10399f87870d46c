import { freePort } from '@headgate/testkit';
import type { CandidateContext, RunningCandidate } from './candidate.ts';
import { CONNECTIONS } from './settings.ts';
import { startServer } from './start-server.ts';

/**
 * Starts a program that reads its arguments with `readServerArguments`.
 *
 * @param file path of the program
 * @param rest further arguments of it
 */
export async function startNodeServer(
  name: string,
  file: string,
  context: CandidateContext,
  rest: readonly string[] = [],
): Promise<RunningCandidate> {
  const port = await freePort();
  const backends = context.backendPorts.join(',');
  const args = [file, String(port), String(CONNECTIONS), backends, ...rest];
  const env = { NODE_ENV: 'production' };
  return startServer({ name, command: process.execPath, args, env, port }, context);
}
