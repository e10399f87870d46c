import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '@headgate/testkit';
import { findProgram } from '../../find-program.ts';
import { ACTIVE_TENANTS, TENANTS } from '../../side-by-side/settings.ts';
import type {
  Candidate,
  CandidateContext,
  RunningCandidate,
} from '../../side-by-side/candidate.ts';
import { haproxyConfig } from '../../side-by-side/haproxy-config.ts';
import { startServer } from '../../side-by-side/start-server.ts';

/** HAProxy as a bare proxy. */
export const haproxy: Candidate = {
  name: 'haproxy',
  description: 'bare proxy, round robin over 3 endpoints; no tenants, metrics, log or trace',
  tenants: TENANTS,
  activeTenants: ACTIVE_TENANTS,
  missing: async () =>
    (await findProgram('haproxy')) === null ? 'haproxy is not installed' : null,
  start,
};

async function start(context: CandidateContext): Promise<RunningCandidate> {
  const port = await freePort();
  const tls = { port: await freePort(), file: context.tls.both };
  const file = join(context.directory, 'haproxy.cfg');
  const { backendPorts } = context;
  await writeFile(file, haproxyConfig({ port, backendPorts, tls }));
  const command = (await findProgram('haproxy')) ?? 'haproxy';
  const server = { name: 'haproxy', command, args: ['-db', '-f', file], port };
  return { ...(await startServer(server, context)), tlsPort: tls.port };
}
