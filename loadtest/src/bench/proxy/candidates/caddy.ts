import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '@headgate/testkit';
import { findProgram } from '../../find-program.ts';
import { ACTIVE_TENANTS, CONNECTIONS, TENANTS } from '../../side-by-side/settings.ts';
import type {
  Candidate,
  CandidateContext,
  RunningCandidate,
} from '../../side-by-side/candidate.ts';
import { startServer } from '../../side-by-side/start-server.ts';

/** Caddy as a bare proxy. */
export const caddy: Candidate = {
  name: 'caddy',
  description:
    'bare proxy, round robin over 3 endpoints, GOMAXPROCS=1; no tenants, metrics, log or trace',
  tenants: TENANTS,
  activeTenants: ACTIVE_TENANTS,
  missing: async () => ((await findProgram('caddy')) === null ? 'caddy is not installed' : null),
  start,
};

async function start(context: CandidateContext): Promise<RunningCandidate> {
  const port = await freePort();
  const { directory } = context;
  const file = join(directory, 'Caddyfile');
  const backends = context.backendPorts.map((backendPort) => `127.0.0.1:${backendPort}`).join(' ');
  await writeFile(
    file,
    `{
	admin off
	auto_https off
}

:${port} {
	bind 127.0.0.1
	reverse_proxy ${backends} {
		lb_policy round_robin
		transport http {
			keepalive 1h
			keepalive_idle_conns_per_host ${CONNECTIONS}
		}
	}
}
`,
  );
  const command = (await findProgram('caddy')) ?? 'caddy';
  const args = ['run', '--adapter', 'caddyfile', '--config', file];
  const env = {
    GOMAXPROCS: '1',
    HOME: directory,
    XDG_DATA_HOME: directory,
    XDG_CONFIG_HOME: directory,
  };
  return startServer({ name: 'caddy', command, args, env, port }, context);
}
