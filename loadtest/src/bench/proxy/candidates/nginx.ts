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
import { NGINX_FORWARD, nginxConfig, nginxUpstream } from '../../side-by-side/nginx-config.ts';
import { startNginx } from '../../side-by-side/nginx-lua.ts';

/** nginx as a bare proxy. */
export const nginx: Candidate = {
  name: 'nginx',
  description: 'bare proxy, round robin over 3 endpoints; no tenants, metrics, log or trace',
  tenants: TENANTS,
  activeTenants: ACTIVE_TENANTS,
  missing: async () => ((await findProgram('nginx')) === null ? 'nginx is not installed' : null),
  start,
};

async function start(context: CandidateContext): Promise<RunningCandidate> {
  const port = await freePort();
  const tlsPort = await freePort();
  const file = join(context.directory, 'nginx.conf');
  const http = `${nginxUpstream(context.backendPorts, CONNECTIONS)}
  server {
    listen 127.0.0.1:${port};
    listen 127.0.0.1:${tlsPort} ssl;
    ssl_certificate ${context.tls.certificate};
    ssl_certificate_key ${context.tls.key};
    location / {
      ${NGINX_FORWARD}
    }
  }`;
  await writeFile(file, nginxConfig(context.directory, { http }));
  return { ...(await startNginx('nginx', file, port, context)), tlsPort };
}
