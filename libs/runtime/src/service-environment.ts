import { z } from 'zod';
import { environmentAddress } from './environment.ts';

/** `nats://host:port`, or several separated by commas. */
const natsServers = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()))
  .pipe(
    z
      .array(z.url({ protocol: /^(nats|tls)$/, error: 'must be nats://HOST:PORT, …' }))
      .min(1)
      .max(16),
  );

/** Variables that every service reads; spread it into the service's own schema. */
export const serviceEnvironment = Object.freeze({
  HEADGATE_NODE_ID: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,63}$/, 'must be 1 to 63 of A-Z, a-z, 0-9, ".", "_" and "-"')
    .optional()
    .describe(
      'Name of this node, unique in the cluster; default: the kind, and a random part (edge: the host name).',
    ),
  HEADGATE_NATS_URL: natsServers
    .prefault('nats://127.0.0.1:4222')
    .describe('NATS servers, separated by commas.'),
  HEADGATE_NATS_USER: z.string().optional().describe('User at NATS.'),
  HEADGATE_NATS_PASSWORD: z.string().optional().describe('Password at NATS.'),
  HEADGATE_ADMIN_LISTEN: environmentAddress
    .prefault('127.0.0.1:0')
    .describe('HOST:PORT of /livez, /readyz and /metrics; port 0: any free port.'),
  HEADGATE_LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('Least severe level that is logged.'),
});

/** The values of {@link serviceEnvironment}. */
type ServiceVariables = z.output<z.ZodObject<typeof serviceEnvironment>>;

/** What every service takes from its environment. */
export interface ServiceSettings {
  /** Names this node, unique in the cluster. */
  readonly nodeId: string;
  readonly natsServers: readonly string[];
  readonly natsUser: string | undefined;
  readonly natsPassword: string | undefined;
  readonly adminListen: { readonly host: string; readonly port: number };
  readonly logLevel: ServiceVariables['HEADGATE_LOG_LEVEL'];
}

/** The settings that {@link serviceEnvironment} stands for; the service adds its own. */
export function readServiceSettings(
  variables: ServiceVariables,
  defaultNodeId: string,
): ServiceSettings {
  return {
    nodeId: variables.HEADGATE_NODE_ID ?? defaultNodeId,
    natsServers: variables.HEADGATE_NATS_URL,
    natsUser: variables.HEADGATE_NATS_USER,
    natsPassword: variables.HEADGATE_NATS_PASSWORD,
    adminListen: variables.HEADGATE_ADMIN_LISTEN,
    logLevel: variables.HEADGATE_LOG_LEVEL,
  };
}
