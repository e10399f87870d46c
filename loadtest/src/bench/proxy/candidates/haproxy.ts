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
  const file = join(context.directory, 'haproxy.cfg');
  const servers = context.backendPorts
    .map((backendPort, index) => `  server endpoint-${index + 1} 127.0.0.1:${backendPort}`)
    .join('\n');
  await writeFile(
    file,
    `global
  nbthread 1
  maxconn 11000
  no strict-limits

defaults
  mode http
  timeout connect 1s
  timeout client 1h
  timeout server 1h
  timeout http-keep-alive 1h
  option http-keep-alive
  http-reuse always

frontend clients
  bind 127.0.0.1:${port}
  default_backend backend

backend backend
  balance roundrobin
${servers}
`,
  );
  const command = (await findProgram('haproxy')) ?? 'haproxy';
  return startServer({ name: 'haproxy', command, args: ['-db', '-f', file], port }, context);
}
