import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeCertificate } from '@headgate/testkit';
import type { TlsFiles } from './candidate.ts';
import { TLS_HOST } from './settings.ts';

/** Makes a certificate for {@link TLS_HOST}, which lasts for a day. */
export async function writeTlsFiles(directory: string): Promise<TlsFiles> {
  const { chain, privateKey } = makeCertificate({ name: TLS_HOST, dnsNames: [TLS_HOST] });
  const file = (name: string) => join(directory, name);
  const files = { certificate: file('cert.pem'), key: file('key.pem'), both: file('both.pem') };
  await writeFile(files.certificate, chain);
  await writeFile(files.key, privateKey, { mode: 0o600 });
  await writeFile(files.both, `${chain}\n${privateKey}`, { mode: 0o600 });
  return files;
}
