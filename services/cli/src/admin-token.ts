import { readFile } from 'node:fs/promises';
import { CliError, EXIT } from './cli-error.ts';
import type { CliEnvironment } from './environment.ts';

/** A bearer token and where it was found. */
export interface AdminToken {
  readonly value: string;
  readonly origin: string;
}

const LOOPBACK_HOSTS = new Set(['127.0.0.1', '[::1]', 'localhost']);

/**
 * Finds the admin token: `--token`, then HEADGATE_ADMIN_TOKEN, then the one that `npm start` made.
 * That one is only used for a server on this machine, so that it cannot leak to another.
 *
 * @param localTokenFile where `npm start` keeps its token.
 * @throws CliError if it holds what a header cannot.
 */
export async function findAdminToken(
  given: string | undefined,
  environment: Pick<CliEnvironment, 'HEADGATE_ADMIN_TOKEN'>,
  url: URL,
  localTokenFile: URL,
): Promise<AdminToken | null> {
  if (given !== undefined && given !== '') return checkToken(given, '--token');
  const { HEADGATE_ADMIN_TOKEN: value } = environment;
  if (value !== undefined) return checkToken(value, 'HEADGATE_ADMIN_TOKEN');
  if (!LOOPBACK_HOSTS.has(url.hostname)) return null;
  const text = await readFile(localTokenFile, 'utf8').catch(() => '');
  return text.trim() === '' ? null : checkToken(text, '.headgate/admin-token');
}

/** Files and shells add a line feed at the end, which no token holds. */
function checkToken(text: string, origin: string): AdminToken {
  const value = text.trim();
  if (/^[!-~]+$/.test(value)) return { value, origin };
  throw new CliError(EXIT.usage, `the token of ${origin} is not one`, [
    'It must be visible ASCII characters without spaces.',
  ]);
}
