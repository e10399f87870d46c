import { request } from 'undici';

/** Whether a GET through the proxy answers 200; for `readyWhen` of a starter. `headers` holds at least the host. */
export async function serves(
  port: number,
  headers: Readonly<Record<string, string>>,
  path: string,
): Promise<boolean> {
  const answer = await request(`http://127.0.0.1:${port}${path}`, {
    headers,
    reset: true,
    headersTimeout: 2000,
  });
  await answer.body.dump();
  return answer.statusCode === 200;
}
