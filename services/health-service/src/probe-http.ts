import type { GuardedLookup } from '@headgate/runtime';
import { Client } from 'undici';
import { failureOf, type Probe, type ProbeOutcome } from './probe.ts';
import type { ProbeTarget } from './targets.ts';

/** Of a longer body only this much is read, then the connection is dropped. */
const BODY_BYTES_MAX = 64 * 1024;
const HEAD_BYTES_MAX = 16 * 1024;

/**
 * Probes with one GET over a connection of its own: a kept connection would hide a listener that no longer accepts.
 * Redirects are not followed; the status decides once the body is complete or its bound is reached.
 */
export const createHttpProbe =
  (lookup?: GuardedLookup): Probe =>
  async (target, signal) => {
    const client = new Client(`http://${target.endpointId}`, {
      pipelining: 0,
      allowH2: false,
      maxHeaderSize: HEAD_BYTES_MAX,
      // The signal is the one deadline of the whole probe.
      connectTimeout: 0,
      ...(lookup === undefined ? {} : { connect: { lookup } }),
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    try {
      return await get(client, target, signal);
    } catch (error) {
      return failureOf(error, target.check.timeoutMs);
    } finally {
      // Nothing is in flight that anybody waits for: drop the connection without ceremony.
      client.destroy().catch(() => undefined);
    }
  };

async function get(
  client: Client,
  { check, endpointId }: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const { statusCode, body } = await client.request({
    method: 'GET',
    path: check.path,
    headers: { host: check.host ?? endpointId, 'user-agent': 'headgate-health', accept: '*/*' },
    signal,
  });
  let bytes = 0;
  for await (const chunk of body) {
    bytes += (chunk as Buffer).length; // without setEncoding a body yields Buffers
    if (bytes > BODY_BYTES_MAX) break;
  }
  const expected = isExpected(statusCode, check.expectedStatuses);
  return { result: expected ? 'success' : 'failure', reason: `status ${statusCode}` };
}

function isExpected(status: number, expected: readonly number[]): boolean {
  return expected.length === 0 ? status >= 200 && status <= 399 : expected.includes(status);
}
