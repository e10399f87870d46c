import { request } from 'undici';
import { BODY } from './backend.ts';

/**
 * Sends one request for each host and compares the answers with the backend's, so that what is measured is known to be
 * the same work.
 *
 * @throws Error that names the host and the difference.
 */
export async function probeCandidate(
  port: number,
  hosts: readonly string[],
  path: string,
): Promise<void> {
  for (const host of hosts) {
    const answer = await request(`http://127.0.0.1:${port}${path}`, {
      headers: { host },
      reset: true,
      headersTimeout: 5000,
    });
    const body = await answer.body.text();
    if (answer.statusCode !== 200 || body !== BODY) {
      throw new Error(`host ${host} is answered with ${answer.statusCode}: ${body.slice(0, 200)}`);
    }
  }
}
