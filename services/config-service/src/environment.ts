import { randomBytes } from 'node:crypto';
import {
  environmentAddress,
  environmentAddressRanges,
  environmentInteger,
  environmentSecretsKeys,
  readEnvironment,
  readServiceSettings,
  serviceEnvironment,
  type EnvironmentReading,
  type ServiceSettings,
} from '@headgate/runtime';
import { z } from 'zod';
import {
  oidcEnvironment,
  readOidcSettings,
  type OidcSettings,
} from './access/oidc/oidc-settings.ts';
import type { DatabaseLocation } from './store/database.ts';

/** The variables that the config-service reads. */
export const ConfigServiceEnvironment = z.object({
  ...serviceEnvironment,
  HEADGATE_CONFIG_LISTEN: environmentAddress
    .prefault('127.0.0.1:8090')
    .describe('HOST:PORT of the management API.'),
  HEADGATE_ADMIN_TOKEN: z
    .string()
    .regex(/^[!-~]{16,4096}$/, 'must be 16 to 4096 visible ASCII characters')
    .describe('Bearer token of the administrator.'),
  ...oidcEnvironment,
  HEADGATE_SECRETS_KEY: environmentSecretsKeys
    .optional()
    .describe(
      'Keys that private keys of certificates are kept with: 32 bytes in base64url, several with commas in between; the first one encrypts, all decrypt. The same as on the edges. Without it no certificate can be written.',
    ),
  HEADGATE_DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/, error: 'must be postgres://USER:PASSWORD@HOST:PORT/DB' })
    .optional()
    .describe('PostgreSQL; without it an embedded PGlite keeps its files in HEADGATE_DATA_DIR.'),
  HEADGATE_DATA_DIR: z
    .string()
    .default('.headgate/config-service')
    .describe('Directory of the embedded database.'),
  HEADGATE_CONFIG_BUCKET_REPLICAS: environmentInteger(1, 5)
    .default(1)
    .describe('Copies of the configuration on a NATS cluster.'),
  HEADGATE_ENDPOINT_ADDRESSES_ALLOWED: environmentAddressRanges
    .default([])
    .describe(
      'Addresses and CIDR ranges, such as 127.0.0.0/8, where a tenant_admin may put endpoints although they are loopback, link-local or the like.',
    ),
  HEADGATE_CONFIG_TRUSTED_PROXIES: environmentAddressRanges
    .default([])
    .describe(
      'Addresses and CIDR ranges of proxies ahead of the management API; their X-Forwarded-For tells whose address is audited and counted.',
    ),
  HEADGATE_CONFIG_REQUESTS_PER_SECOND: environmentInteger(1, 1_000_000)
    .default(500)
    .describe('Management requests per second and client address; more get 429.'),
  HEADGATE_CONFIG_CREDENTIAL_REQUESTS_PER_SECOND: environmentInteger(1, 1_000_000)
    .default(500)
    .describe(
      'Management requests per second and credential (JWTs: subject), from all addresses; more get 429.',
    ),
});

/** Settings of the config-service, all from the environment. */
export interface Settings extends ServiceSettings {
  readonly listen: { readonly host: string; readonly port: number };
  readonly adminToken: string;
  /** Empty: certificates cannot be written. */
  readonly secretsKeys: readonly string[];
  /** Null: JWTs are not taken. */
  readonly oidc: OidcSettings | null;
  readonly database: DatabaseLocation;
  readonly bucketReplicas: number;
  /** Addresses and CIDR ranges that endpoints of tenants may have. */
  readonly allowedAddresses: readonly string[];
  /** Addresses and CIDR ranges of proxies that say for whom they ask. */
  readonly trustedProxies: readonly string[];
  readonly requestsPerSecondMax: number;
  readonly credentialRequestsPerSecondMax: number;
}

/** Reads the settings. @throws EnvironmentError that names every fault. */
export function readSettings(
  environment: Readonly<Record<string, string | undefined>>,
): EnvironmentReading<Settings> {
  const { settings, unknown } = readEnvironment(ConfigServiceEnvironment, environment);
  const url = settings.HEADGATE_DATABASE_URL;
  return {
    unknown,
    settings: Object.freeze({
      ...readServiceSettings(settings, `config-${randomBytes(4).toString('hex')}`),
      listen: settings.HEADGATE_CONFIG_LISTEN,
      adminToken: settings.HEADGATE_ADMIN_TOKEN,
      secretsKeys: settings.HEADGATE_SECRETS_KEY ?? [],
      oidc: readOidcSettings(settings),
      database:
        url === undefined
          ? { kind: 'pglite' as const, directory: settings.HEADGATE_DATA_DIR }
          : { kind: 'postgres' as const, url },
      bucketReplicas: settings.HEADGATE_CONFIG_BUCKET_REPLICAS,
      allowedAddresses: settings.HEADGATE_ENDPOINT_ADDRESSES_ALLOWED,
      trustedProxies: settings.HEADGATE_CONFIG_TRUSTED_PROXIES,
      requestsPerSecondMax: settings.HEADGATE_CONFIG_REQUESTS_PER_SECOND,
      credentialRequestsPerSecondMax: settings.HEADGATE_CONFIG_CREDENTIAL_REQUESTS_PER_SECOND,
    }),
  };
}
