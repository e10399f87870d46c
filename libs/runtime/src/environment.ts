import { z } from 'zod';
import { StartError } from './start-error.ts';

/** Why an environment could not be read: every fault at once, each with its variable and rule. */
export class EnvironmentError extends StartError {
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

/** A whole number from `min` to `max`. */
export const environmentInteger = (min: number, max: number) =>
  z.coerce.number().int().min(min).max(max);
