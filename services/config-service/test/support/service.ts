import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { providePGlite, startProcess, type StartedProcess } from '@headgate/testkit';
import { ADMIN_TOKEN, createSend, type Send } from './api.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** The real service in a process of its own. */
export interface TestService {
  readonly process: StartedProcess;
  readonly send: Send;
  readonly url: string;
  /** Of the admin listener. */
  readonly adminUrl: string;
}

/** Starts the service on free ports. `env` needs HEADGATE_DATA_DIR or HEADGATE_DATABASE_URL. */
export async function startService(env: Readonly<Record<string, string>>): Promise<TestService> {
  const dataDirectory = env['HEADGATE_DATA_DIR'];
  if (dataDirectory !== undefined && env['HEADGATE_DATABASE_URL'] === undefined) {
    await providePGlite(join(dataDirectory, 'pglite'));
  }
  const started = await startProcess({
    name: 'config-service',
    command: process.execPath,
    args: [MAIN],
    env: {
      HEADGATE_ADMIN_TOKEN: ADMIN_TOKEN,
      HEADGATE_CONFIG_LISTEN: '127.0.0.1:0',
      HEADGATE_CONFIG_REQUESTS_PER_SECOND: '100000',
      HEADGATE_CONFIG_CREDENTIAL_REQUESTS_PER_SECOND: '100000',
      ...env,
    },
    readyWhen: /"msg":"ready"/,
    readyTimeoutMs: 60_000,
  });
  const line = started.stdout().find((text) => text.includes('"msg":"ready"')) ?? '{}';
  const { url, admin } = JSON.parse(line) as { url: string; admin: string };
  return { process: started, send: createSend(url), url, adminUrl: admin };
}
