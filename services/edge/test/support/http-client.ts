import { Agent, request } from 'node:http';

/** Outcome of a request; `error` is the client library's code when there was no whole response. */
export interface HttpOutcome {
  readonly status: number;
  readonly body: string;
  readonly error: string | null;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** A client with kept-alive connections that never retries by itself. */
export interface HttpClient {
  send(options: {
    readonly method?: string;
    readonly path: string;
    readonly host: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  }): Promise<HttpOutcome>;
  close(): void;
}

/** Creates a client of a port of 127.0.0.1. */
export function createHttpClient(port: number, maxSockets = Infinity): HttpClient {
  const agent = new Agent({ keepAlive: true, maxSockets });
  return {
    send: ({ method = 'GET', path, host, headers = {}, body = '' }) =>
      new Promise((resolve) => {
        const fail = (error: NodeJS.ErrnoException): void =>
          resolve({ status: 0, body: '', error: error.code ?? error.message, headers: {} });
        const outgoing = request(
          { host: '127.0.0.1', port, agent, method, path, headers: { ...headers, Host: host } },
          (response) => {
            let text = '';
            response.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
            response.on('error', fail);
            response.on('end', () => {
              const { statusCode = 0, headers: received } = response;
              resolve({ status: statusCode, body: text, error: null, headers: received });
            });
          },
        );
        outgoing.on('error', fail);
        outgoing.end(body);
      }),
    close: () => agent.destroy(),
  };
}

/** Runs `work(index)` for 0 to `count` - 1, at most `parallel` at a time. */
export async function runMany(
  count: number,
  parallel: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const run = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: parallel }, run));
}
