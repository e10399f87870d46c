import { Agent, request } from 'undici';
import { TLS_HOST } from './settings.ts';

/**
 * Sends one request for each host and compares the answers with the backend's body, so that what is measured is known
 * to be the same work.
 *
 * @throws Error that names the host and the difference.
 */
export async function checkAnswers(
  port: number,
  hosts: readonly string[],
  expected: {
    readonly path: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body: string | Buffer;
  },
): Promise<void> {
  const wanted = Buffer.from(expected.body);
  for (const host of hosts) {
    const answer = await request(`http://127.0.0.1:${port}${expected.path}`, {
      headers: { ...expected.headers, host },
      reset: true,
      headersTimeout: 5000,
    });
    const body = Buffer.from(await answer.body.arrayBuffer());
    if (answer.statusCode !== 200 || !body.equals(wanted)) {
      const start = body.subarray(0, 200).toString('latin1');
      throw new Error(
        `host ${host} is answered with ${answer.statusCode}, ${body.length} bytes: ${start}`,
      );
    }
  }
}

/** The same of one request over TLS. @throws Error also if nobody answers with a certificate for `TLS_HOST` that `ca` issued. */
export async function checkTlsAnswer(
  port: number,
  ca: string,
  expected: {
    readonly path: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body: string;
  },
): Promise<void> {
  const dispatcher = new Agent({ connect: { ca } });
  const { path, headers = {}, body: wanted } = expected;
  try {
    const answer = await request(`https://${TLS_HOST}:${port}${path}`, { dispatcher, headers });
    const body = await answer.body.text();
    if (answer.statusCode === 200 && body === wanted) return;
    throw new Error(`answered with ${answer.statusCode} over TLS: ${body.slice(0, 200)}`);
  } finally {
    await dispatcher.close();
  }
}
