import { CliError, EXIT } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { readText } from '../read-text.ts';
import { Resource } from '../replies.ts';
import { printable } from '../table.ts';

/** Options of `headgate certificate put`. */
export interface CertificatePutOptions {
  readonly tenantId: string;
  readonly id: string;
  readonly name: string | undefined;
  /** File with the PEM of the certificate and its chain. */
  readonly chain: string;
  /** File with the PEM of its key; undefined: the one that is stored stays. */
  readonly key: string | undefined;
}

/**
 * Creates or replaces a certificate, from the files that tools such as certbot write. Its key goes to the server and is shown
 * nowhere.
 *
 * @throws CliError if a file cannot be read, or the server refuses.
 */
export async function certificatePut(
  { api, terminal, output }: CommandContext,
  { tenantId, id, name, chain, key }: CertificatePutOptions,
): Promise<void> {
  const body = {
    ...(name === undefined ? {} : { name }),
    chain: await readFileOf('certificate', chain),
    ...(key === undefined ? {} : { privateKey: await readFileOf('key', key) }),
  };
  const tenant = encodeURIComponent(tenantId);
  const path = `/v1/tenants/${tenant}/certificates/${encodeURIComponent(id)}`;
  const written = await api.send(Resource, { method: 'PUT', path, body });
  if (output === 'json') return terminal.print(JSON.stringify(written, null, 2));
  const hosts = Array.isArray(written['hosts']) ? written['hosts'].join(', ') : '-';
  const until = String(written['notAfter']);
  terminal.print(printable(`certificate ${id} serves ${hosts} until ${until}`));
}

async function readFileOf(what: string, file: string): Promise<string> {
  try {
    return await readText(file);
  } catch (error) {
    if (error instanceof CliError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError(EXIT.failure, `cannot read the ${what}: ${reason}`, [], error);
  }
}
