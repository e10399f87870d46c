import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, startProcess, temporaryDirectory, type StartedProcess } from '@headgate/testkit';
import { findProgram } from '../../bench/find-program.ts';

/** A proxy that requests are replayed through. */
export interface OracleProxy {
  readonly name: 'HAProxy' | 'nginx';
  readonly port: number;
  stop(): Promise<void>;
}

/** Starts HAProxy in front of a backend; null if it is not installed. */
export async function startHaproxy(backendPort: number): Promise<OracleProxy | null> {
  const command = await findProgram('haproxy');
  if (command === null) return null;
  const directory = await temporaryDirectory();
  const port = await freePort();
  const file = join(directory.path, 'haproxy.cfg');
  await writeFile(file, haproxyConfig(port, backendPort));
  const started = await startProcess({
    name: 'HAProxy',
    command,
    args: ['-db', '-f', file],
    readyWhen: () => isListening(port),
  });
  return proxyOf('HAProxy', port, started, () => directory.remove());
}

/** Starts nginx in front of a backend; null if it is not installed. */
export async function startNginx(backendPort: number): Promise<OracleProxy | null> {
  const command = await findProgram('nginx');
  if (command === null) return null;
  const directory = await temporaryDirectory();
  const port = await freePort();
  const file = join(directory.path, 'nginx.conf');
  await writeFile(file, nginxConfig(directory.path, port, backendPort));
  const started = await startProcess({
    name: 'nginx',
    command,
    args: ['-p', directory.path, '-c', file, '-e', join(directory.path, 'error.log')],
    readyWhen: () => isListening(port),
  });
  return proxyOf('nginx', port, started, () => directory.remove());
}

function proxyOf(
  name: OracleProxy['name'],
  port: number,
  started: StartedProcess,
  clean: () => Promise<void>,
): OracleProxy {
  return {
    name,
    port,
    async stop() {
      await started.stop();
      await clean();
    },
  };
}

async function isListening(port: number): Promise<boolean> {
  try {
    await (await fetch(`http://127.0.0.1:${port}/`)).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

/** Strict, as it comes; buffers large enough for the longest heads that the edge lets pass. */
function haproxyConfig(port: number, backendPort: number): string {
  return `global
  nbthread 1
  tune.bufsize 131072
  tune.maxrewrite 4096
  tune.http.maxhdr 512
defaults
  mode http
  timeout connect 5s
  timeout client 20s
  timeout server 20s
frontend front
  bind 127.0.0.1:${port}
  default_backend back
backend back
  server origin 127.0.0.1:${backendPort}
`;
}

/** Passes on the URI and the Host as they came, so that they can be compared. */
function nginxConfig(directory: string, port: number, backendPort: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `  ${name}_temp_path ${directory}/${name};`,
  );
  return `daemon off;
master_process off;
pid ${directory}/nginx.pid;
error_log ${directory}/error.log crit;
events { worker_connections 1024; }
http {
${temporary.join('\n')}
  access_log off;
  keepalive_requests 1000000;
  client_max_body_size 0;
  client_header_buffer_size 64k;
  large_client_header_buffers 8 64k;
  underscores_in_headers on;
  ignore_invalid_headers off;
  upstream origin { server 127.0.0.1:${backendPort}; keepalive 32; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Connection "";
      proxy_buffer_size 64k;
      proxy_buffers 8 64k;
      proxy_busy_buffers_size 128k;
    }
  }
}
`;
}
