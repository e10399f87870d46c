import { Agent, request } from 'undici';
import { TLS_HOST } from './settings.ts';

/** The request that is sent, and the body that is wanted. */
interface Expected {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/**
 * Sends one request for each host and compares the answers with the backend's body, so that what is measured is known
 * to be the same work.
 *
 * @throws Error that names the host and the difference.
 */
export async function checkAnswers(
  port: number,
  hosts: readonly string[],
  expected: Expected,
): Promise<void> {
  for (const host of hosts) await checkAnswer(`http://127.0.0.1:${port}`, host, expected);
}

/** The same of one request over TLS. @throws Error also if nobody answers with a certificate for `TLS_HOST` that `ca` issued. */
export async function checkTlsAnswer(port: number, ca: string, expected: Expected): Promise<void> {
  const dispatcher = new Agent({ connect: { ca } });
  try {
    await checkAnswer(`https://${TLS_HOST}:${port}`, TLS_HOST, expected, dispatcher);
  } finally {
    await dispatcher.close();
  }
}

async function checkAnswer(
  origin: string,
  host: string,
  { path, headers, body: wanted }: Expected,
  dispatcher?: Agent,
): Promise<void> {
  const answer = await request(`${origin}${path}`, {
    headers: { ...headers, host },
    reset: true,
    headersTimeout: 5000,
    ...(dispatcher === undefined ? {} : { dispatcher }),
  });
  const body = Buffer.from(await answer.body.arrayBuffer());
  if (answer.statusCode === 200 && body.equals(Buffer.from(wanted))) return;
  const start = body.subarray(0, 200).toString('latin1');
  throw new Error(
    `host ${host} is answered with ${answer.statusCode}, ${body.length} bytes: ${start}`,
  );
}
