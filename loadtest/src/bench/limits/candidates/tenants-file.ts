import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HIGH_WINDOWS, LOW_WINDOWS, THROTTLED_TENANT, type Windows } from '../settings.ts';

/**
 * Writes the tenants of the peers: a line for each, `host limit limit limit`, the limits in the order of
 * {@link Windows}.
 *
 * @returns the path of the file
 */
export async function writeTenantsFile(
  directory: string,
  hosts: readonly string[],
): Promise<string> {
  const file = join(directory, 'tenants.txt');
  const high = limitsText(HIGH_WINDOWS);
  const low = limitsText(LOW_WINDOWS);
  const lines = hosts.map((host, index) => `${host} ${index === THROTTLED_TENANT ? low : high}`);
  await writeFile(file, `${lines.join('\n')}\n`);
  return file;
}

function limitsText({ tenant, key }: Windows): string {
  return [...tenant, ...key].map(({ limit }) => limit).join(' ');
}
