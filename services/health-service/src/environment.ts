import { randomBytes } from 'node:crypto';
import {
  environmentAddressRanges,
  environmentInteger,
  readEnvironment,
  readServiceSettings,
  serviceEnvironment,
  type EnvironmentReading,
  type ServiceSettings,
} from '@headgate/runtime';
import { z } from 'zod';

/** The variables that the health-service reads. */
export const HealthServiceEnvironment = z.object({
  ...serviceEnvironment,
  HEADGATE_DATA_DIR: z
    .string()
    .optional()
    .describe('Not used: this service stores nothing. Accepted as it is common to all services.'),
  HEADGATE_ENDPOINT_ADDRESSES_ALLOWED: environmentAddressRanges
    .default([])
    .describe(
      'Addresses and CIDR ranges, such as 127.0.0.0/8, that names of endpoints may lead to although they are loopback, link-local or the like.',
    ),
  HEADGATE_HEALTH_CONCURRENCY_MAX: environmentInteger(1, 10_000)
    .default(256)
    .describe('Probes in flight at once.'),
  HEADGATE_HEALTH_PROBES_MAX: environmentInteger(1, 1_000_000)
    .default(100_000)
    .describe('Probes that this replica takes on.'),
  HEADGATE_HEALTH_FLIP_DISTANCE_MS: environmentInteger(0, 600_000)
    .default(10_000)
    .describe('Least time between two changes of state of an endpoint in ms.'),
  HEADGATE_HEALTH_BUCKET_REPLICAS: environmentInteger(1, 5)
    .default(1)
    .describe('Copies of the health states on a NATS cluster.'),
});

/** Settings of the health-service, all from the environment. */
export interface Settings extends ServiceSettings {
  /** Addresses and CIDR ranges that names of endpoints may lead to beside. */
  readonly allowedAddresses: readonly string[];
  /** Probes in flight at once; 1 to 10,000, default 256. */
  readonly concurrencyMax: number;
  /** Probes this replica takes on; 1 to 1,000,000, default 100,000. */
  readonly probesMax: number;
  /** Least time between two flips of an endpoint in ms; 0 to 600,000, default 10,000. */
  readonly flipDistanceMs: number;
  /** Copies of the KV bucket on a NATS cluster; 1 to 5, default 1. */
  readonly bucketReplicas: number;
}

/** Reads the settings. @throws EnvironmentError that names every fault. */
export function readSettings(
  environment: Readonly<Record<string, string | undefined>>,
): EnvironmentReading<Settings> {
  const { settings, unknown } = readEnvironment(HealthServiceEnvironment, environment);
  return {
    unknown,
    settings: Object.freeze({
      ...readServiceSettings(settings, `health-${randomBytes(4).toString('hex')}`),
      allowedAddresses: settings.HEADGATE_ENDPOINT_ADDRESSES_ALLOWED,
      concurrencyMax: settings.HEADGATE_HEALTH_CONCURRENCY_MAX,
      probesMax: settings.HEADGATE_HEALTH_PROBES_MAX,
      flipDistanceMs: settings.HEADGATE_HEALTH_FLIP_DISTANCE_MS,
      bucketReplicas: settings.HEADGATE_HEALTH_BUCKET_REPLICAS,
    }),
  };
}
