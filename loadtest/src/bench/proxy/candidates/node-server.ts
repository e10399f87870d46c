import { fileURLToPath } from 'node:url';
import { freePort } from '@headgate/testkit';
import { PROXY_CONNECTIONS } from '../settings.ts';
import type { CandidateContext, RunningCandidate } from './candidate.ts';
import { startServer } from './start-server.ts';

/**
 * Starts a program of the folder `servers` with the arguments PORT CONNECTIONS BACKEND_PORT…
 *
 * @param name its file without `.ts`
 */
export async function startNodeServer(
  name: string,
  context: CandidateContext,
): Promise<RunningCandidate> {
  const port = await freePort();
  const file = fileURLToPath(new URL(`./servers/${name}.ts`, import.meta.url));
  const args = [file, port, PROXY_CONNECTIONS, ...context.backendPorts].map(String);
  const env = { NODE_ENV: 'production' };
  return startServer({ name, command: process.execPath, args, env, port }, context);
}
