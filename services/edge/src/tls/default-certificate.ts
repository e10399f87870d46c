import { readFile } from 'node:fs/promises';
import { StartError } from '@headgate/runtime';
import { makeSecureContext, type KeyedCertificate } from './secure-contexts.ts';

/**
 * Reads the edge's own certificate.
 *
 * @param files null: it has none.
 * @throws StartError if a file cannot be read or the two do not fit.
 */
export async function readDefaultCertificate(
  files: { readonly chain: string; readonly privateKey: string } | null,
): Promise<KeyedCertificate | null> {
  if (files === null) return null;
  try {
    const certificate = {
      chain: await readFile(files.chain, 'utf8'),
      privateKey: await readFile(files.privateKey, 'utf8'),
    };
    makeSecureContext(certificate);
    return certificate;
  } catch (error) {
    throw StartError.from('cannot use HEADGATE_EDGE_TLS_CERTIFICATE_FILE and its key', error);
  }
}
