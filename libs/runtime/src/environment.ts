import { z } from 'zod';

/** Why an environment could not be read: every fault at once, each with its variable and rule. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`Invalid environment:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.faults = faults;
  }
}

/** Settings read from the environment. */
export interface EnvironmentReading<Settings> {
  readonly settings: Readonly<Settings>;
  /**
   * `HEADGATE_…` variables that the schema does not know; worth a warning, as a misspelt setting keeps its default.
   * Not an error: Kubernetes adds variables such as `HEADGATE_EDGE_SERVICE_HOST` for a service named headgate-edge.
   */
  readonly unknown: readonly string[];
}

/**
 * Reads settings from environment variables into a frozen typed object. The keys of the schema are the variable
 * names; an empty variable counts as not set.
 *
 * @throws EnvironmentError naming each variable, its value (unless secret) and the rule it breaks.
 */
export function readEnvironment<Schema extends z.ZodObject>(
  schema: Schema,
  environment: Readonly<Record<string, string | undefined>>,
): EnvironmentReading<z.output<Schema>> {
  const unknown: string[] = [];
  const input: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined || value === '') continue;
    if (Object.hasOwn(schema.shape, name)) input[name] = value;
    else if (name.startsWith('HEADGATE_')) unknown.push(name);
  }
  const result = schema.safeParse(input);
  if (!result.success) {
    throw new EnvironmentError(result.error.issues.map((issue) => describeIssue(issue, input)));
  }
  return { settings: Object.freeze(result.data), unknown };
}

function describeIssue(issue: z.core.$ZodIssue, input: Readonly<Record<string, string>>): string {
  const name = String(issue.path[0] ?? '');
  const value = input[name];
  if (value === undefined) return `${name}: required but not set (${issue.message})`;
  const shown = /TOKEN|PASSWORD|SECRET|URL/.test(name) ? '(hidden)' : JSON.stringify(value);
  return `${name}=${shown}: ${issue.message}`;
}

/** A TCP port, 0 meaning "any free port". */
export const environmentPort = z.coerce.number().int().min(0).max(65_535);

/** `true`/`1`/`yes`/`on` or `false`/`0`/`no`/`off`. */
export const environmentFlag = z.stringbool();

/** `host:port`, `[ipv6]:port` or just `:port` and `port` (host then 127.0.0.1). */
export const environmentAddress = z.string().transform((text, context) => {
  const match = /^(?:(\[[0-9a-fA-F:]+\]|[^:[\]\s]*):)?(\d{1,5})$/.exec(text);
  const port = match === null ? Number.NaN : Number(match[2]);
  if (match === null || port > 65_535) {
    context.addIssue({ code: 'custom', message: 'must be HOST:PORT, [IPV6]:PORT or PORT' });
    return z.NEVER;
  }
  const host = match[1] === undefined || match[1] === '' ? '127.0.0.1' : match[1];
  return { host: host.replace(/^\[|\]$/g, ''), port };
});

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
    .describe('Name of this node, unique in the cluster; default: the kind and a random part.'),
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
