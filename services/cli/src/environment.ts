import { EnvironmentError, readEnvironment } from '@headgate/runtime';
import { z } from 'zod';
import { CliError, EXIT } from './cli-error.ts';

/** Address of a config-service as `npm start` runs it. */
export const URL_DEFAULT = 'http://127.0.0.1:8090';

/** Variables of the command; `docs/reference/environment.md` is generated from this schema. */
export const CliEnvironment = z.object({
  HEADGATE_URL: z
    .url({ protocol: /^https?$/, error: 'must be http://HOST[:PORT] or https://HOST[:PORT]' })
    .default(URL_DEFAULT)
    .describe('Address of the config-service.'),
  HEADGATE_ADMIN_TOKEN: z
    .string()
    .optional()
    .describe(
      'Admin token, access token or JWT; that of a cluster of `npm start` is found by itself.',
    ),
});
export type CliEnvironment = z.output<typeof CliEnvironment>;

/**
 * Reads the variables. Others that start with HEADGATE_ belong to the services and may be set.
 *
 * @throws CliError that names each fault.
 */
export function readCliEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): CliEnvironment {
  try {
    return readEnvironment(CliEnvironment, environment).settings;
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    throw new CliError(EXIT.usage, 'the environment is not valid', error.faults, error);
  }
}
