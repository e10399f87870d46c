import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import type { TestContext } from 'node:test';
import { runCli } from '../src/run-cli.ts';

/** What a run of the command printed and answered. */
export interface CliRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Surroundings of a run. */
export interface CliOptions {
  readonly stdin?: string;
  /** All three streams are a terminal. */
  readonly terminal?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a command line in this process. */
export async function run(args: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  const stream = () => Object.assign(new PassThrough(), { isTTY: options.terminal ?? false });
  const [stdin, stdout, stderr] = [stream(), stream(), stream()];
  const texts = { stdout: '', stderr: '' };
  stdout.setEncoding('utf8').on('data', (chunk: string) => (texts.stdout += chunk));
  stderr.setEncoding('utf8').on('data', (chunk: string) => (texts.stderr += chunk));
  stdin.end(options.stdin ?? '');
  const code = await runCli(args, {
    ...{ stdin, stdout, stderr },
    env: { HEADGATE_ADMIN_TOKEN: 'token-of-the-test', ...options.env },
    clock: { nowMs: () => 1_800_000_000_000, monotonicMs: () => 0 },
  });
  return { code, ...texts };
}

/** A request as the server saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly token: string | undefined;
  readonly ifMatch: string | undefined;
  readonly idempotencyKey: string | undefined;
  readonly body: unknown;
}

/** An answer to a request: a status other than 200, and the body; or none, and the connection breaks. */
export interface Answer {
  readonly status?: number | 'lost';
  readonly body: unknown;
}

/** A server that speaks the part of the config-service's contract that a test is about. */
export interface ContractServer {
  readonly url: string;
  readonly requests: readonly SeenRequest[];
}

/** Starts a server on a free port; it ends with the test. */
export async function startContractServer(
  context: TestContext,
  answer: (request: SeenRequest) => Answer,
): Promise<ContractServer> {
  const requests: SeenRequest[] = [];
  const server = createServer((request, response) => {
    void read(request).then((seen) => {
      requests.push(seen);
      const { status = 200, body } = answer(seen);
      if (status === 'lost') {
        request.socket.destroy();
        return;
      }
      const type = status < 300 ? 'application/json' : 'application/problem+json';
      response.writeHead(status, { 'content-type': type });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(
    () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(resolve);
      }),
  );
  const { port } = server.address() as AddressInfo; // listens on TCP
  return { url: `http://127.0.0.1:${port}`, requests };
}

async function read(request: IncomingMessage): Promise<SeenRequest> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return {
    method: request.method ?? '',
    path: request.url ?? '',
    token: request.headers.authorization,
    ifMatch: request.headers['if-match'],
    idempotencyKey: request.headers['idempotency-key']?.toString(),
    body: text === '' ? undefined : JSON.parse(text),
  };
}
