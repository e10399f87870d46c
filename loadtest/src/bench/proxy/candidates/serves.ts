import { request } from 'undici';

/** Whether a GET through the proxy answers 200; for `readyWhen` of a starter. */
export async function serves(port: number, host: string, path: string): Promise<boolean> {
  const answer = await request(`http://127.0.0.1:${port}${path}`, {
    headers: { host },
    reset: true,
    headersTimeout: 2000,
  });
  await answer.body.dump();
  return answer.statusCode === 200;
}
