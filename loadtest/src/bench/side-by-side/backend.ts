import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, startProcess, type StartedProcess } from '@headgate/testkit';
import { nginxConfig } from './nginx-config.ts';
import { serves } from './serves.ts';
import { BACKEND_PORTS, BODY_PATH } from './settings.ts';

/** Bytes of the backend's small body. */
export const BODY_BYTES = 280;

/** The body that most requests are answered with: {@link BODY_BYTES} bytes of JSON. */
export const BODY = jsonOfLength(BODY_BYTES);

/** What {@link BODY_PATH} is answered with. */
export const LARGE_BODY = Buffer.alloc(1024 * 1024, 'headgate');

/** The backend: an nginx of its own that answers with {@link BODY}, and with a file at {@link BODY_PATH}. */
export interface Backend {
  readonly ports: readonly number[];
  readonly process: StartedProcess;
}

/** Starts the backend. `directory` is its own and removed by the caller. */
export async function startBackend(program: string, directory: string): Promise<Backend> {
  const ports = await Promise.all(Array.from({ length: BACKEND_PORTS }, () => freePort()));
  const file = join(directory, 'nginx.conf');
  const largeBody = join(directory, 'files', BODY_PATH);
  await mkdir(join(largeBody, '..'), { recursive: true });
  await writeFile(largeBody, LARGE_BODY);
  const http = `  default_type application/json;
  sendfile on;
  tcp_nopush on;
  server {
${ports.map((port) => `    listen 127.0.0.1:${port} backlog=4096;`).join('\n')}
    location / { return 200 '${BODY}'; }
    location = ${BODY_PATH} { root ${join(directory, 'files')}; }
  }`;
  await writeFile(file, nginxConfig(directory, { http }));
  const started = await startProcess({
    name: 'backend',
    command: program,
    args: ['-e', 'stderr', '-p', directory, '-c', file],
    readyWhen: () => serves(ports[0] ?? 0, { host: 'backend' }, '/'),
  });
  return { ports, process: started };
}

function jsonOfLength(bytes: number): string {
  const frame = JSON.stringify({ id: 42, name: 'item', description: '' });
  return JSON.stringify({ id: 42, name: 'item', description: 'x'.repeat(bytes - frame.length) });
}
