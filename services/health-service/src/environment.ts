import { randomBytes } from 'node:crypto';
import { environmentAddress, readEnvironment, type EnvironmentReading } from '@headgate/runtime';
import { z } from 'zod';

const integer = (min: number, max: number) => z.coerce.number().int().min(min).max(max);

/** NATS servers as `nats://host:port`, comma-separated. */
const serverList = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()))
  .pipe(
    z
      .array(z.url({ protocol: /^(nats|tls)$/, error: 'must be nats://HOST:PORT, …' }))
      .min(1)
      .max(16),
  );

const Environment = z.object({
  HEADGATE_NODE_ID: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,63}$/, 'must be 1 to 63 of A-Z, a-z, 0-9, ".", "_" and "-"')
    .optional(),
  HEADGATE_NATS_URL: serverList.prefault('nats://127.0.0.1:4222'),
  HEADGATE_NATS_USER: z.string().optional(),
  HEADGATE_NATS_PASSWORD: z.string().optional(),
  HEADGATE_ADMIN_LISTEN: environmentAddress.prefault('127.0.0.1:0'),
  HEADGATE_LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info'),
  /** Common to all services; this one stores nothing. */
  HEADGATE_DATA_DIR: z.string().optional(),
  HEADGATE_HEALTH_CONCURRENCY_MAX: integer(1, 10_000).default(256),
  HEADGATE_HEALTH_PROBES_MAX: integer(1, 1_000_000).default(100_000),
  HEADGATE_HEALTH_FLIP_DISTANCE_MS: integer(0, 600_000).default(10_000),
  HEADGATE_HEALTH_BUCKET_REPLICAS: integer(1, 5).default(1),
});

/** Settings of the health-service, all from the environment. */
export interface Settings {
  /** Names this replica among the others. Default `health-` and 8 random hex digits. */
  readonly nodeId: string;
  readonly natsServers: readonly string[];
  readonly natsUser: string | undefined;
  readonly natsPassword: string | undefined;
  readonly adminListen: { readonly host: string; readonly port: number };
  readonly logLevel: z.infer<typeof Environment>['HEADGATE_LOG_LEVEL'];
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
  const { settings, unknown } = readEnvironment(Environment, environment);
  return {
    unknown,
    settings: Object.freeze({
      nodeId: settings.HEADGATE_NODE_ID ?? `health-${randomBytes(4).toString('hex')}`,
      natsServers: settings.HEADGATE_NATS_URL,
      natsUser: settings.HEADGATE_NATS_USER,
      natsPassword: settings.HEADGATE_NATS_PASSWORD,
      adminListen: settings.HEADGATE_ADMIN_LISTEN,
      logLevel: settings.HEADGATE_LOG_LEVEL,
      concurrencyMax: settings.HEADGATE_HEALTH_CONCURRENCY_MAX,
      probesMax: settings.HEADGATE_HEALTH_PROBES_MAX,
      flipDistanceMs: settings.HEADGATE_HEALTH_FLIP_DISTANCE_MS,
      bucketReplicas: settings.HEADGATE_HEALTH_BUCKET_REPLICAS,
    }),
  };
}
