import { CONFIG_BUCKET, DigestMessage, type Bus } from '@headgate/bus';

/** Where the publisher of @headgate/bus keeps the digest. */
const DIGEST_KEY = 'digest';
const STREAM = `KV_${CONFIG_BUCKET}`;
const TIMEOUT_MS = 3000;

/**
 * Reads the digest that lies in the bucket beside the documents. 'missing': there is none, or it
 * cannot be read, as in a bucket that was wiped. 'unknown': the server does not answer.
 *
 * @param options.counts 'missing' too if the bucket holds fewer documents than the digest covers, as one that was damaged
 */
export async function readStoredDigest(
  bus: Bus,
  { counts }: { readonly counts: boolean },
): Promise<DigestMessage | 'missing' | 'unknown'> {
  const client = bus.connection();
  if (client === null) return 'unknown';
  try {
    const manager = await client.jetstreamManager({ checkAPI: false, timeout: TIMEOUT_MS });
    const message = await manager.streams.getMessage(STREAM, {
      last_by_subj: `$KV.${CONFIG_BUCKET}.${DIGEST_KEY}`,
    });
    const parsed = DigestMessage.safeParse(message.json());
    if (!parsed.success) return 'missing';
    // A server whose files are damaged passes over what it cannot read; the digest may not be among it.
    if (!counts) return parsed.data;
    const { state } = await manager.streams.info(STREAM);
    const keys = state.num_subjects ?? state.messages; // not counted yet by a server that has just started
    return keys > parsed.data.count ? parsed.data : 'missing';
  } catch (error) {
    return isNotFound(error) || error instanceof SyntaxError ? 'missing' : 'unknown';
  }
}

function isNotFound(error: unknown): boolean {
  if (!(error instanceof Error) || !('api_error' in error)) return false;
  const { api_error: api } = error;
  return typeof api === 'object' && api !== null && 'code' in api && api.code === 404;
}
